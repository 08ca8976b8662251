// Arjovsky et al., arXiv 1701.07875: needs a Lipschitz discriminator, by gradient_penalty,
// weight_clip or spectral_norm.

#include <ATen/TensorOperators.h>

#include "objectives/registry.h"

namespace allmodes::objectives {

extern const GanLoss kWasserstein{
    .name = "wasserstein",
    .discriminator = [](const Scores& scores,
                        double) { return scores.fake.mean() - scores.real.mean(); },
    .generator = [](const Scores& scores) { return -scores.fake.mean(); }};

}  // namespace allmodes::objectives
