#include "networks/forward.h"

#include <c10/core/GradMode.h>

#include "networks/runner.h"

namespace allmodes::networks {

at::Tensor Runner::run(std::span<const LayerPlan> layers, at::Tensor x) {
  for (const LayerPlan& layer : layers)
    x = std::visit([&](const auto& kind) { return apply(*this, kind, layer, x); },
                   layer.layer.kind);
  return x;
}

void Runner::collect(const LayerPlan& plan, size_t index, const at::Tensor& value) {
  if (context_.batch_statistics == nullptr) return;
  BatchStatistics& statistics = *context_.batch_statistics;
  statistics.sums.resize(buffers_.size());
  statistics.counts.resize(buffers_.size());
  at::Tensor& sum = statistics.sums[plan.first_buffer + index];
  // Not in place: the backward pass may hold the value.
  sum = sum.defined() ? sum.add(value) : value;
  ++statistics.counts[plan.first_buffer + index];
}

at::Tensor forward(const Plan& plan, std::span<const at::Tensor> parameters,
                   std::span<const at::Tensor> buffers, const at::Tensor& x, Context& context) {
  ALLMODES_CHECK(parameters.size() == plan.parameters.size(), "{} parameters for {}",
                 parameters.size(), plan.parameters.size());
  ALLMODES_CHECK(buffers.size() == plan.buffers.size(), "{} buffers for {}", buffers.size(),
                 plan.buffers.size());
  ALLMODES_CHECK(x.dim() >= 1 && x.sizes().slice(1) == at::IntArrayRef(plan.input),
                 "the network takes {} for each sample, the batch is {}", to_string(plan.input),
                 to_string(x.sizes().vec()));
  ALLMODES_CHECK(context.layers <= plan.layers.size(), "{} layers of {}", context.layers,
                 plan.layers.size());
  const std::span<const LayerPlan> layers(plan.layers);
  return Runner(parameters, buffers, context)
      .run(context.layers > 0 ? layers.first(context.layers) : layers, x);
}

void update_running_statistics(const Plan& plan, const BatchStatistics& statistics,
                               std::span<at::Tensor> buffers) {
  ALLMODES_CHECK(buffers.size() == plan.buffers.size(), "{} buffers for {}", buffers.size(),
                 plan.buffers.size());
  const c10::NoGradGuard no_grad;
  // A product, and then a sum: add_() with a factor rounds once where the processor can fuse the
  // two and twice where it cannot, and the ranks' running statistics would part on a cluster of
  // both.
  for (size_t i = 0; i < statistics.counts.size(); ++i)
    if (statistics.counts[i] > 0)
      buffers[i]
          .mul_(1.0 - plan.buffers[i].momentum)
          .add_(statistics.sums[i].mul(plan.buffers[i].momentum / statistics.counts[i]));
}

}  // namespace allmodes::networks
