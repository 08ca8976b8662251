#pragma once

// Small networks in double, and what their tests compare.

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "networks/forward.h"

namespace allmodes::testing {

using Layers = std::vector<config::Layer>;
using Tensors = std::vector<at::Tensor>;

inline at::Tensor normal_tensor(const networks::Shape& shape, const char* purpose,
                                at::ScalarType type = at::kDouble) {
  at::Tensor values = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  fill_normal({.seed = 7, .purpose = Purpose(purpose)}, 0, 1, values.numel(),
              values.data_ptr<float>());
  return values.to(type);
}

struct SmallNetwork {
  networks::Plan plan;
  Tensors parameters, buffers;
};

// Parameters are initialized and then shaken, so that no bias is zero.
inline SmallNetwork make_network(const Layers& layers, const networks::Shape& input,
                                 at::ScalarType type = at::kDouble, int64_t classes = 0) {
  SmallNetwork network{networks::plan(layers, input, "kaiming_uniform", classes), {}, {}};
  const auto options = at::TensorOptions().dtype(type);
  for (const auto& spec : network.plan.parameters)
    network.parameters.push_back(at::zeros(spec.shape, options));
  for (const auto& spec : network.plan.buffers)
    network.buffers.push_back(at::zeros(spec.shape, options));
  networks::initialize(network.plan, 1, "network", network.parameters, network.buffers);
  for (size_t i = 0; i < network.parameters.size(); ++i) {
    const auto& spec = network.plan.parameters[i];
    network.parameters[i].add_(normal_tensor(spec.shape, spec.name.c_str(), type), 0.1);
    network.parameters[i].requires_grad_(true);
  }
  return network;
}

inline at::Tensor run_network(const SmallNetwork& network, const at::Tensor& x,
                              networks::Context context) {
  return networks::forward(network.plan, network.parameters, network.buffers, x, context);
}

inline networks::Shape batch_of(int64_t batch, const networks::Shape& sample) {
  networks::Shape shape{batch};
  shape.insert(shape.end(), sample.begin(), sample.end());
  return shape;
}

inline double worst_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.detach().to(at::kDouble).sub(b.detach().to(at::kDouble)).abs().max().item<double>();
}

// The derivative of f along `direction` at `at`, by a central difference.
inline double slope_along(const std::function<double()>& f, const at::Tensor& at,
                          const at::Tensor& direction) {
  const c10::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  at::Tensor moved = at.detach();
  moved.add_(direction, kStep);
  const double above = f();
  moved.add_(direction, -2 * kStep);
  const double below = f();
  moved.add_(direction, kStep);
  return (above - below) / (2 * kStep);
}

// Training forwards until the vectors of the spectral norms stand still.
inline void settle_spectral_norms(SmallNetwork& network, const at::Tensor& x,
                                  networks::Context context, int forwards = 300) {
  const c10::NoGradGuard no_grad;
  for (int i = 0; i < forwards; ++i) {
    networks::BatchStatistics statistics;
    context.batch_statistics = &statistics;
    run_network(network, x, context);
    networks::update_running_statistics(network.plan, statistics, network.buffers);
  }
}

}  // namespace allmodes::testing
