#include "networks/sync_batch_norm.h"

#include <ATen/core/grad_mode.h>  // GradMode: is this a create_graph backward?
#include <ATen/core/ivalue.h>     // capsule that carries the reducer to the backward
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/var_mean.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>

namespace allmodes::networks {
namespace {

struct ReducerHolder : torch::CustomClassHolder {
  explicit ReducerHolder(StatisticsReducer function) : reducer(std::move(function)) {}
  StatisticsReducer reducer;
};

struct GlobalStatistics {
  at::Tensor count;           // [1], double; on the device, so the host waits for nothing
  at::Tensor mean, variance;  // biased variance, double
};

GlobalStatistics global_statistics(const at::Tensor& x, const StatisticsReducer* reducer) {
  const auto dimensions = x.dim() == 4 ? std::vector<int64_t>{0, 2, 3} : std::vector<int64_t>{0};
  const int64_t channels = x.size(1);
  const int64_t count = x.numel() / channels;
  // Each rank's variance is taken about its own mean, and the moments are combined in double: a
  // plain sum of squares would lose the variance of a channel whose mean is large.
  const auto [local_variance, local_mean] = at::var_mean(x, dimensions, /*correction=*/0);
  const at::Tensor mean = local_mean.to(at::kDouble);
  const at::Tensor square = local_variance.to(at::kDouble).addcmul_(mean, mean);
  at::Tensor packed = at::cat({mean, square, at::full({1}, 1.0, mean.options())});
  packed.mul_(static_cast<double>(count));
  if (reducer != nullptr) (*reducer)(packed);
  const at::Tensor total = packed.narrow(0, 2 * channels, 1);
  const at::Tensor global_mean = packed.narrow(0, 0, channels).div(total);
  const at::Tensor variance = packed.narrow(0, channels, channels)
                                  .div(total)
                                  .addcmul_(global_mean, global_mean, -1.0)
                                  .clamp_min_(0.0);
  return {total, global_mean, variance};
}

// The shape that broadcasts a vector of channels over x.
at::Tensor over_channels(const at::Tensor& vector, const at::Tensor& x) {
  return x.dim() == 4 ? vector.view({1, -1, 1, 1}) : vector;
}

class SyncBatchNorm : public torch::autograd::Function<SyncBatchNorm> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const at::Tensor& x, const at::Tensor& weight,
                                                const at::Tensor& bias, double epsilon,
                                                const StatisticsReducer* reducer) {
    const GlobalStatistics global = global_statistics(x, reducer);
    const at::Tensor mean = global.mean.to(weight.scalar_type());
    const at::Tensor variance = global.variance.to(weight.scalar_type());
    // Given statistics make the evaluation form of the operator, one fused kernel, the right one.
    const at::Tensor output = std::get<0>(at::native_batch_norm(
        x, weight, bias, mean, variance, /*training=*/false, /*momentum=*/0.0, epsilon));
    const at::Tensor unbiased = global.variance.mul(global.count)
                                    .div_(global.count.sub(1.0).clamp_min_(1.0))
                                    .to(weight.scalar_type());
    context->save_for_backward({x, weight, mean, variance, global.count});
    context->saved_data["epsilon"] = epsilon;
    if (reducer != nullptr)
      context->saved_data["reducer"] =
          c10::IValue::make_capsule(c10::make_intrusive<ReducerHolder>(*reducer));
    context->mark_non_differentiable({mean, unbiased});
    return {output, mean, unbiased};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    if (at::GradMode::is_enabled())
      ALLMODES_FAIL(ExitCode::kConfiguration,
                    "batch norm with global statistics cannot be differentiated twice; in a "
                    "network that a penalty differentiates use statistics \"local\" (norm "
                    "\"batch\") or none");
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &variance = saved[3];
    const at::Tensor& count = saved[4];
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const bool of_x = context->needs_input_grad(0);
    auto [grad_x, grad_weight, grad_bias] = at::native_batch_norm_backward(
        gradients[0], x, weight, mean, variance, mean, variance.add(epsilon).rsqrt_(),
        /*train=*/false, epsilon, std::array<bool, 3>{of_x, true, true});
    if (of_x) {
      // With xhat = (x - mean) / sigma and sums over the global batch of `count`:
      // dx = weight / sigma * (dy - sum(dy) / count - xhat * sum(dy * xhat) / count).
      const int64_t channels = weight.numel();
      at::Tensor sums = at::cat({grad_bias, grad_weight}).to(at::kDouble);
      if (const auto found = context->saved_data.find("reducer");
          found != context->saved_data.end())
        c10::static_intrusive_pointer_cast<ReducerHolder>(found->second.toCapsule())->reducer(sums);
      const at::Tensor inverse = variance.to(at::kDouble).add(epsilon).rsqrt_();
      const at::Tensor scale = weight.to(at::kDouble).mul(inverse).div_(count);
      const at::Tensor slope = sums.narrow(0, channels, channels).mul(scale).mul_(inverse);
      const at::Tensor offset = slope.mul(mean).sub_(sums.narrow(0, 0, channels).mul(scale));
      grad_x = grad_x.addcmul_(x, over_channels(slope.to(x.scalar_type()), x), -1.0)
                   .add_(over_channels(offset.to(x.scalar_type()), x));
    }
    return {grad_x, grad_weight, grad_bias, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

SyncBatchNormResult sync_batch_norm(const at::Tensor& x, const at::Tensor& weight,
                                    const at::Tensor& bias, double epsilon,
                                    const StatisticsReducer* reducer) {
  if (reducer == nullptr && x.numel() <= x.size(1))
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "batch norm in training needs more than one value a channel; raise the batch");
  const auto result = SyncBatchNorm::apply(x, weight, bias, epsilon, reducer);
  return {result[0], result[1], result[2]};
}

}  // namespace allmodes::networks
