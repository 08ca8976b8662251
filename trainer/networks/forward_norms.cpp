// Running normalizations.

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "networks/runner.h"
#include "networks/sync_batch_norm.h"

namespace allmodes::networks {
namespace {

// Over the values of each of `groups` groups of channels in a sample. Autocast would make float32
// of what a convolution gave it in bfloat16, and the activation behind it would be float32, too,
// only to be cast again for the next convolution: so x keeps its type. Statistics are float32
// anyhow.
at::Tensor group_norm(const Runner& runner, const LayerPlan& plan, const at::Tensor& x,
                      int64_t groups, double epsilon) {
  const at::Tensor &scale = runner.parameter(plan), &shift = runner.parameter(plan, 1);
  if (x.scalar_type() == scale.scalar_type())
    return at::group_norm(x, groups, scale, shift, epsilon);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return at::group_norm(x, groups, scale.to(x.scalar_type()), shift.to(x.scalar_type()), epsilon);
}

}  // namespace

at::Tensor apply(Runner& runner, const config::BatchNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  const at::Tensor &scale = runner.parameter(plan), &shift = runner.parameter(plan, 1);
  const Context& context = runner.context();
  if (!context.training)
    return at::batch_norm(x, scale, shift, runner.buffer(plan, 0), runner.buffer(plan, 1),
                          /*training=*/false, layer.momentum, layer.epsilon,
                          /*cudnn_enabled=*/true);
  if (layer.statistics == "global") {
    const auto result = sync_batch_norm(x, scale, shift, layer.epsilon, context.reducer);
    runner.collect(plan, 0, result.mean);
    runner.collect(plan, 1, result.variance);
    return result.output;
  }
  if (x.numel() <= x.size(1))
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "batch norm of layer {} sees one value a channel in training; raise the batch, "
                  "lower the ranks or microbatches, or use statistics \"global\"",
                  plan.name);
  at::Tensor mean, variance;
  if (context.batch_statistics != nullptr) {
    // Running statistics of momentum 1 are the batch's own, at no extra pass over x.
    mean = at::zeros({x.size(1)}, scale.options());
    variance = at::zeros({x.size(1)}, scale.options());
  }
  at::Tensor output = at::batch_norm(x, scale, shift, mean, variance, /*training=*/true,
                                     /*momentum=*/1.0, layer.epsilon, /*cudnn_enabled=*/true);
  runner.collect(plan, 0, mean);
  runner.collect(plan, 1, variance);
  return output;
}

at::Tensor apply(Runner& runner, const config::LayerNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return group_norm(runner, plan, x, 1, layer.epsilon);
}

at::Tensor apply(Runner& runner, const config::InstanceNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return group_norm(runner, plan, x, x.size(1), layer.epsilon);
}

at::Tensor apply(Runner& runner, const config::GroupNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return group_norm(runner, plan, x, layer.groups, layer.epsilon);
}

}  // namespace allmodes::networks
