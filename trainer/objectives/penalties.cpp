#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

// Squared L2 norm of d D(x) / d x of each sample, [n]; differentiable again.
at::Tensor squared_gradient(const Discriminate& discriminate, const at::Tensor& at_samples) {
  const at::AutoGradMode with_grad(true);
  const at::Tensor x = at_samples.detach().requires_grad_(true);
  const at::Tensor score = discriminate(x);
  const auto gradient = torch::autograd::grad({score}, {x}, {at::ones_like(score)},
                                              /*retain_graph=*/true, /*create_graph=*/true);
  return gradient[0].flatten(1).square().sum(1);
}

}  // namespace

// Mescheder et al., arXiv 1801.04406: 1/2 E ||grad D(x)||^2 on reals.
at::Tensor r1_penalty(const Discriminate& discriminate, const at::Tensor& real, const at::Tensor&,
                      const at::Tensor&) {
  return squared_gradient(discriminate, real).mean() * 0.5;
}

// Gulrajani et al., arXiv 1704.00028: E (||grad D(x)|| - 1)^2 between reals and fakes.
at::Tensor interpolated_penalty(const Discriminate& discriminate, const at::Tensor& real,
                                const at::Tensor& fake, const at::Tensor& mix) {
  std::vector<int64_t> shape(static_cast<size_t>(real.dim()), 1);
  shape[0] = real.size(0);
  const at::Tensor share = mix.view(shape);
  const at::Tensor between = real * share + fake.detach() * (1 - share);
  return ((squared_gradient(discriminate, between) + 1e-12).sqrt() - 1).square().mean();
}

}  // namespace allmodes::objectives
