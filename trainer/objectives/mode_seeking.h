#pragma once

// The mode seeking term (Mao et al., "Mode seeking GANs", arXiv 1903.05628): latents that differ
// should make samples that differ.

#include "objectives/objective.h"

namespace allmodes::objectives {

// 1 / (mean |x1 - x2| / mean |z1 - z2| + 1e-5), with the means over all values, all pairs and all
// ranks: [n, ...] samples x1 and x2 made from latents z1 and z2.
at::Tensor mode_seeking(const at::Tensor& x1, const at::Tensor& x2, const at::Tensor& z1,
                        const at::Tensor& z2, const Coupling& coupling);

}  // namespace allmodes::objectives
