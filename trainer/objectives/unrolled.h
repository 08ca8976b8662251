#pragma once

// Unrolled generative adversarial networks (Metz et al., arXiv 1611.02163).

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <vector>

#include "objectives/objective.h"

namespace allmodes::objectives {

// The weights that `steps` steps of gradient descent make of `weights` (section 2.2, equation 7):
//   w_{k+1} = w_k - rate * mean over ranks of d loss(w_k) / d w_k.
// Differentiable in everything that `loss` depends on, through all steps; `weights` themselves are
// neither changed nor given a gradient. `loss` has to be differentiable twice.
std::vector<at::Tensor> unrolled_weights(
    std::span<const at::Tensor> weights, int64_t steps, double rate,
    const std::function<at::Tensor(std::span<const at::Tensor>)>& loss, const Coupling& coupling);

}  // namespace allmodes::objectives
