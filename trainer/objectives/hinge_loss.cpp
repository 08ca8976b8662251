// Lim and Ye, "Geometric GAN", arXiv 1705.02894: D's scores count up to a margin of 1.

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>

#include "objectives/registry.h"

namespace allmodes::objectives {

extern const GanLoss kHinge{.name = "hinge",
                            .discriminator =
                                [](const Scores& scores, double) {
                                  return at::relu(1 - scores.real).mean() +
                                         at::relu(1 + scores.fake).mean();
                                },
                            .generator = [](const Scores& scores) { return -scores.fake.mean(); }};

}  // namespace allmodes::objectives
