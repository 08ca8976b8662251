// Mao et al., "Least squares GAN", arXiv 1611.04076, equation 9: labels 1 and 0, G aims at 1.

#include <ATen/TensorOperators.h>

#include "objectives/registry.h"

namespace allmodes::objectives {

extern const GanLoss kLeastSquares{
    .name = "least_squares",
    .discriminator =
        [](const Scores& scores, double real_label) {
          return ((scores.real - real_label).square().mean() + scores.fake.square().mean()) * 0.5;
        },
    .generator = [](const Scores& scores) { return (scores.fake - 1).square().mean() * 0.5; },
    .labels = true};

}  // namespace allmodes::objectives
