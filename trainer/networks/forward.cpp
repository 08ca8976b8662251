#include "networks/forward.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "networks/sync_batch_norm.h"

namespace allmodes::networks {
namespace {

// Runs the layers of a plan. One `apply` for each kind, the counterpart of its `plan_layer`.
class Runner {
 public:
  Runner(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
         Context& context)
      : parameters_(parameters), buffers_(buffers), context_(context) {}

  at::Tensor run(const std::vector<LayerPlan>& layers, at::Tensor x) {
    for (const LayerPlan& layer : layers)
      x = std::visit([&](const auto& kind) { return apply(kind, layer, x); }, layer.layer.kind);
    return x;
  }

 private:
  const at::Tensor& weight(const LayerPlan& plan) const {
    return parameters_[plan.first_parameter];
  }

  at::Tensor bias(const LayerPlan& plan, bool there) const {
    return there ? parameters_[plan.first_parameter + 1] : at::Tensor();
  }

  at::Tensor apply(const std::monostate&, const LayerPlan& plan, const at::Tensor&) {
    ALLMODES_CHECK(false, "layer {} is empty", plan.name);
  }

  template <class Layer>
  at::Tensor apply(const Layer&, const LayerPlan& plan, const at::Tensor&) {
    ALLMODES_CHECK(false, "layer {} is not available", plan.name);
  }

  at::Tensor apply(const config::Linear& layer, const LayerPlan& plan, const at::Tensor& x) {
    return at::linear(x, weight(plan), bias(plan, layer.bias));
  }

  at::Tensor apply(const config::Convolution& layer, const LayerPlan& plan, const at::Tensor& x) {
    return at::conv2d(x, weight(plan), bias(plan, layer.bias), layer.stride, layer.padding);
  }

  at::Tensor apply(const config::TransposedConvolution& layer, const LayerPlan& plan,
                   const at::Tensor& x) {
    return at::conv_transpose2d(x, weight(plan), bias(plan, layer.bias), layer.stride,
                                layer.padding, layer.output_padding);
  }

  at::Tensor apply(const config::BatchNorm& layer, const LayerPlan& plan, const at::Tensor& x) {
    const at::Tensor scale = weight(plan), shift = bias(plan, true);
    if (!context_.training)
      return at::batch_norm(x, scale, shift, buffers_[plan.first_buffer],
                            buffers_[plan.first_buffer + 1], /*training=*/false, layer.momentum,
                            layer.epsilon, /*cudnn_enabled=*/true);
    if (layer.statistics == "global") {
      const auto result = sync_batch_norm(x, scale, shift, layer.epsilon, context_.reducer);
      collect(plan.first_buffer, result.mean);
      collect(plan.first_buffer + 1, result.variance);
      return result.output;
    }
    if (x.numel() <= x.size(1))
      ALLMODES_FAIL(ExitCode::kConfiguration,
                    "batch norm of layer {} sees one value a channel in training; raise the batch, "
                    "lower the ranks or microbatches, or use statistics \"global\"",
                    plan.name);
    at::Tensor mean, variance;
    if (context_.batch_statistics != nullptr) {
      // Running statistics of momentum 1 are the batch's own, at no extra pass over x.
      mean = at::zeros({x.size(1)}, scale.options());
      variance = at::zeros({x.size(1)}, scale.options());
    }
    at::Tensor output = at::batch_norm(x, scale, shift, mean, variance, /*training=*/true,
                                       /*momentum=*/1.0, layer.epsilon, /*cudnn_enabled=*/true);
    collect(plan.first_buffer, mean);
    collect(plan.first_buffer + 1, variance);
    return output;
  }

  at::Tensor apply(const config::Activation& layer, const LayerPlan&, const at::Tensor& x) {
    if (layer.function == "relu") return at::relu(x);
    if (layer.function == "leaky_relu") return at::leaky_relu(x, layer.slope);
    if (layer.function == "tanh") return at::tanh(x);
    if (layer.function == "sigmoid") return at::sigmoid(x);
    if (layer.function == "elu") return at::elu(x);
    if (layer.function == "softplus") return at::softplus(x);
    if (layer.function == "silu") return at::silu(x);
    ALLMODES_CHECK(false, "activation {}", layer.function);
  }

  // The pieces are the outer axis, so that the maximum runs over whole rows of units: measured on
  // one CPU core for 256 x 200 units of 5 pieces, forward and backward, 1.0 ms against 1.7 ms with
  // the pieces inside, and 1.4 ms for max() with indices. A tie shares its gradient evenly.
  at::Tensor apply(const config::Maxout& layer, const LayerPlan& plan, const at::Tensor& x) {
    return at::amax(at::linear(x, weight(plan), bias(plan, layer.bias))
                        .view({x.size(0), layer.pieces, layer.units}),
                    1);
  }

  at::Tensor apply(const config::Reshape&, const LayerPlan& plan, const at::Tensor& x) {
    std::vector<int64_t> shape{x.size(0)};
    shape.insert(shape.end(), plan.output.begin(), plan.output.end());
    return x.reshape(shape);
  }

  at::Tensor apply(const config::Flatten&, const LayerPlan& plan, const at::Tensor& x) {
    return x.reshape({x.size(0), plan.output[0]});
  }

  at::Tensor apply(const config::Residual&, const LayerPlan& plan, const at::Tensor& x) {
    return x.add(run(plan.inner, x));
  }

  void collect(size_t buffer, const at::Tensor& value) {
    if (context_.batch_statistics == nullptr) return;
    BatchStatistics& statistics = *context_.batch_statistics;
    statistics.sums.resize(buffers_.size());
    statistics.counts.resize(buffers_.size());
    at::Tensor& sum = statistics.sums[buffer];
    // Not in place: the backward pass may hold the value.
    sum = sum.defined() ? sum.add(value) : value;
    ++statistics.counts[buffer];
  }

  std::span<const at::Tensor> parameters_;
  std::span<const at::Tensor> buffers_;
  Context& context_;
};

}  // namespace

at::Tensor forward(const Plan& plan, std::span<const at::Tensor> parameters,
                   std::span<const at::Tensor> buffers, const at::Tensor& x, Context& context) {
  ALLMODES_CHECK(parameters.size() == plan.parameters.size(), "{} parameters for {}",
                 parameters.size(), plan.parameters.size());
  ALLMODES_CHECK(buffers.size() == plan.buffers.size(), "{} buffers for {}", buffers.size(),
                 plan.buffers.size());
  ALLMODES_CHECK(x.dim() >= 1 && x.sizes().slice(1) == at::IntArrayRef(plan.input),
                 "the network takes {} for each sample, the batch is {}", to_string(plan.input),
                 to_string(x.sizes().vec()));
  return Runner(parameters, buffers, context).run(plan.layers, x);
}

void update_running_statistics(const Plan& plan, const BatchStatistics& statistics,
                               std::span<at::Tensor> buffers) {
  ALLMODES_CHECK(buffers.size() == plan.buffers.size(), "{} buffers for {}", buffers.size(),
                 plan.buffers.size());
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < statistics.counts.size(); ++i)
    if (statistics.counts[i] > 0)
      buffers[i]
          .mul_(1.0 - plan.buffers[i].momentum)
          .add_(statistics.sums[i], plan.buffers[i].momentum / statistics.counts[i]);
}

}  // namespace allmodes::networks
