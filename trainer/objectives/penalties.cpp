#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

// Squared L2 norm of d D(x) / d x of each sample, [n]; differentiable again, in x too where x is.
// `known`: D(points) with its graph, where the points are a leaf of that; else undefined.
at::Tensor squared_gradient(const Discriminate& discriminate, const at::Tensor& points,
                            const at::Tensor& known = {}) {
  const at::AutoGradMode with_grad(true);
  const auto squared = [](const at::Tensor& score, const at::Tensor& x) {
    return torch::autograd::grad({score}, {x}, {at::ones_like(score)}, /*retain_graph=*/true,
                                 /*create_graph=*/true)[0]
        .flatten(1)
        .square()
        .sum(1);
  };
  if (known.defined() && points.is_leaf() && points.requires_grad()) return squared(known, points);
  // A view has a place of its own in the graph: unrolled weights depend on the points too, and the
  // gradient asked for is the partial one.
  const at::Tensor x =
      points.requires_grad() ? points.view_as(points) : points.detach().requires_grad_(true);
  return squared(discriminate(x), x);
}

// E (||grad D(x)|| - 1)^2.
at::Tensor distance_of_norm_from_one(const Discriminate& discriminate, const at::Tensor& points) {
  return ((squared_gradient(discriminate, points) + 1e-12).sqrt() - 1).square().mean();
}

// Gulrajani et al., arXiv 1704.00028: on lines between reals and fakes.
at::Tensor between_reals_and_fakes(const PenaltyInput& in) {
  std::vector<int64_t> shape(static_cast<size_t>(in.real.dim()), 1);
  shape[0] = in.real.size(0);
  const at::Tensor share = in.mix.view(shape);
  return distance_of_norm_from_one(in.discriminate, in.real * share + in.fake * (1 - share));
}

// Kodali et al., arXiv 1705.07215, section 2.3: around the data, at a Gaussian distance. Its
// deviation is half of that of all the batch's values, over all ranks: the authors' program has
// this width where the paper has a constant.
at::Tensor around_data(const PenaltyInput& in) {
  at::Tensor width;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor mean = in.coupling.mean(in.real.mean());
    width = in.coupling.mean((in.real - mean).square().mean()).sqrt() * 0.5;
  }
  return distance_of_norm_from_one(in.discriminate, in.real + in.disturbance * width);
}

}  // namespace

// Mescheder et al., arXiv 1801.04406: 1/2 E ||grad D(x)||^2 on reals, and on fakes.
extern const PenaltyKind kR1{
    .name = "r1",
    .value =
        [](const PenaltyInput& in) {
          return squared_gradient(in.discriminate, in.real, in.scores.real).mean() * 0.5;
        },
    .at_reals = true};
extern const PenaltyKind kR2{
    .name = "r2",
    .value =
        [](const PenaltyInput& in) {
          return squared_gradient(in.discriminate, in.fake, in.scores.fake).mean() * 0.5;
        },
    .at_fakes = true};

extern const PenaltyKind kGradientPenalty{
    .name = "gradient_penalty", .value = between_reals_and_fakes, .mixes = true};
extern const PenaltyKind kDragan{.name = "dragan", .value = around_data, .disturbs = true};

}  // namespace allmodes::objectives
