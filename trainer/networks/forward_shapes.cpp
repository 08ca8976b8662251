// Running layers that have no parameters of their own.

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "networks/filtered.h"
#include "networks/layer_kinds.h"
#include "networks/runner.h"

namespace allmodes::networks {

at::Tensor apply(Runner&, const std::monostate&, const LayerPlan& plan, const at::Tensor&) {
  ALLMODES_CHECK(false, "layer {} is empty", plan.name);
}

at::Tensor apply(Runner&, const config::Activation& layer, const LayerPlan&, const at::Tensor& x) {
  if (layer.function == "relu") return at::relu(x);
  if (layer.function == "leaky_relu") return at::leaky_relu(x, layer.slope);
  if (layer.function == "tanh") return at::tanh(x);
  if (layer.function == "sigmoid") return at::sigmoid(x);
  if (layer.function == "elu") return at::elu(x);
  if (layer.function == "softplus") return at::softplus(x);
  if (layer.function == "silu") return at::silu(x);
  ALLMODES_CHECK(false, "activation {}", layer.function);
}

at::Tensor apply(Runner&, const config::Reshape&, const LayerPlan& plan, const at::Tensor& x) {
  std::vector<int64_t> shape{x.size(0)};
  shape.insert(shape.end(), plan.output.begin(), plan.output.end());
  return x.reshape(shape);
}

at::Tensor apply(Runner&, const config::Flatten&, const LayerPlan& plan, const at::Tensor& x) {
  return x.reshape({x.size(0), plan.output[0]});
}

at::Tensor apply(Runner& runner, const config::Residual&, const LayerPlan& plan,
                 const at::Tensor& x) {
  return runner.run(plan.shortcut, x).add(runner.run(plan.inner, x));
}

at::Tensor apply(Runner&, const config::Upsample& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  if (layer.mode == "filtered") return filtered_upsample(x, layer.factor);
  const std::vector<int64_t> size{plan.output[1], plan.output[2]};
  if (layer.mode == "nearest") return at::upsample_nearest2d(x, size);
  return at::upsample_bilinear2d(x, size, /*align_corners=*/false);
}

at::Tensor apply(Runner&, const config::ZeroPad& layer, const LayerPlan&, const at::Tensor& x) {
  return at::constant_pad_nd(x, {layer.before, layer.after, layer.before, layer.after}, 0);
}

at::Tensor apply(Runner&, const config::Downsample& layer, const LayerPlan&, const at::Tensor& x) {
  if (layer.mode == "filtered") return filtered_downsample(x, layer.factor);
  return at::avg_pool2d(x, layer.factor);
}

at::Tensor apply(Runner&, const config::GlobalPool& layer, const LayerPlan&, const at::Tensor& x) {
  const at::Tensor pixels = x.flatten(2);
  return layer.reduction == "mean" ? pixels.mean(2) : pixels.sum(2);
}

// Srivastava et al., "Dropout", 2014; what is kept is scaled to the same expectation.
at::Tensor apply(Runner& runner, const config::Dropout& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  if (!runner.context().training || layer.rate == 0) return x;
  ALLMODES_CHECK(runner.context().noise != nullptr, "dropout of layer {} has no noise", plan.name);
  const at::Tensor noise = (*runner.context().noise)(plan.name, x.sizes());
  return x.mul(noise.ge(layer.rate).to(x.scalar_type()).div_(1.0 - layer.rate));
}

at::Tensor apply(Runner& runner, const config::Custom& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  const at::Tensor y = find_layer_kind(layer.layer)->apply(runner, layer, plan, x);
  ALLMODES_CHECK(y.dim() >= 1 && y.size(0) == x.size(0) &&
                     y.sizes().slice(1) == at::IntArrayRef(plan.output),
                 "layer {} ({}) was planned to give {} for each sample and gave a batch of {}", plan.name,
                 layer.layer, to_string(plan.output), to_string(y.sizes().vec()));
  return y;
}

}  // namespace allmodes::networks
