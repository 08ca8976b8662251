#include <ATen/TensorOperators.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/sigmoid.h>

#include "objectives/registry.h"

namespace allmodes::objectives {

// Values in [-1, 1] are taken as probabilities (x + 1) / 2; the output is their logit.
const Likelihood kBernoulli = {
    .reconstruction =
        [](const at::Tensor& output, const at::Tensor& samples, double) {
          return at::binary_cross_entropy_with_logits(output, (samples + 1) * 0.5, {}, {},
                                                      at::Reduction::Sum) /
                 static_cast<double>(samples.size(0));
        },
    .mean = [](const at::Tensor& output) { return at::sigmoid(output) * 2 - 1; },
};

const Likelihood kGaussian = {
    .reconstruction =
        [](const at::Tensor& output, const at::Tensor& samples, double variance) {
          return (output - samples).square().sum() /
                 (2 * variance * static_cast<double>(samples.size(0)));
        },
    .mean = [](const at::Tensor& output) { return output; },
};

}  // namespace allmodes::objectives
