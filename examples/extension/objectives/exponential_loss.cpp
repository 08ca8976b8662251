// A loss: both players pay exponentially for a score on the wrong side.

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>

#include "objectives/registry.h"

namespace allmodes::objectives {

extern const GanLoss kExponential{
    .name = "exponential",
    .discriminator =
        [](const Scores& scores, double) {
          return at::exp(-scores.real).mean() + at::exp(scores.fake).mean();
        },
    .generator = [](const Scores& scores) { return at::exp(-scores.fake).mean(); }};

}  // namespace allmodes::objectives
