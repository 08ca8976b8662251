#include "networks/folded.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <variant>

#include "base/error.h"

namespace allmodes::networks {
namespace {

bool is_norm(const LayerPlan& layer) {
  return std::holds_alternative<config::BatchNorm>(layer.layer.kind);
}

// The number of the first parameter that is behind the layer at `at`.
size_t end_of(const Plan& plan, size_t at) {
  return at + 1 < plan.layers.size() ? plan.layers[at + 1].first_parameter : plan.parameters.size();
}

}  // namespace

Folded folded(const Plan& plan, std::span<const at::Tensor> weights,
              std::span<const at::Tensor> buffers) {
  const at::NoGradGuard no_grad;
  std::vector<config::Layer> layers;
  std::vector<at::Tensor> made;
  size_t norms = 0;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const LayerPlan& layer = plan.layers[i];
    ALLMODES_CHECK(layer.inner.empty() && layer.shortcut.empty(), "layer {} has inner ones",
                   layer.name);
    if (!is_norm(layer)) {
      layers.push_back(layer.layer);
      made.insert(made.end(), weights.begin() + static_cast<std::ptrdiff_t>(layer.first_parameter),
                  weights.begin() + static_cast<std::ptrdiff_t>(end_of(plan, i)));
      continue;
    }
    auto* before = layers.empty() ? nullptr : std::get_if<config::Convolution>(&layers.back().kind);
    ALLMODES_CHECK(before != nullptr && !before->bias && !before->spectral_norm,
                   "batch norm {} is not behind a convolution without bias", layer.name);
    ++norms;
    before->bias = true;
    const double epsilon = std::get<config::BatchNorm>(layer.layer.kind).epsilon;
    const at::Tensor& mean = buffers[layer.first_buffer];
    const at::Tensor& variance = buffers[layer.first_buffer + 1];
    const at::Tensor factor = weights[layer.first_parameter] / (variance + epsilon).sqrt();
    made.back() = made.back() * factor.view({-1, 1, 1, 1});
    made.push_back(weights[layer.first_parameter + 1] - mean * factor);
  }
  ALLMODES_CHECK(buffers.size() == 2 * norms, "{} buffers of {} batch norms", buffers.size(),
                 norms);
  return {networks::plan(layers, plan.input, "kaiming_uniform", plan.classes), std::move(made)};
}

}  // namespace allmodes::networks
