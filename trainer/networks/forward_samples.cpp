// Running layers that see the label of a sample, or other samples.

#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>

#include "networks/runner.h"

namespace allmodes::networks {
namespace {

// The row of `table` for each sample's label: [batch, row].
at::Tensor embed(const Runner& runner, const at::Tensor& table, const LayerPlan& plan,
                 const at::Tensor& x) {
  const at::Tensor& labels = runner.context().labels;
  ALLMODES_CHECK(labels.defined() && labels.dim() == 1 && labels.size(0) == x.size(0),
                 "layer {} needs a class label for each of {} samples", plan.name, x.size(0));
  return at::embedding(table, labels);
}

// x with [batch, more] behind its channels, constant over the pixels of an image.
at::Tensor append(const at::Tensor& x, const at::Tensor& more) {
  if (x.dim() == 2) return at::cat({x, more}, 1);
  const int64_t channels = more.size(1);
  return at::cat(
      {x,
       more.view({x.size(0), channels, 1, 1}).expand({x.size(0), channels, x.size(2), x.size(3)})},
      1);
}

}  // namespace

at::Tensor apply(Runner& runner, const config::ClassConcatenation&, const LayerPlan& plan,
                 const at::Tensor& x) {
  return append(x, embed(runner, runner.parameter(plan), plan, x));
}

// Miyato and Koyama, "cGANs with projection discriminator", arXiv 1802.05637, equation 4; the table
// has a spectral norm where the network's weights have one.
at::Tensor apply(Runner& runner, const config::ClassProjection& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  const size_t table = layer.linear ? 2 : 0;
  const auto used = [&](size_t parameter, size_t buffer) {
    return layer.spectral_norm ? runner.normed(plan, parameter, buffer, 0)
                               : runner.parameter(plan, parameter);
  };
  const at::Tensor embedding = embed(runner, used(table, layer.linear ? 1 : 0), plan, x);
  const at::Tensor product = embedding.mul(x).sum(1, /*keepdim=*/true);
  if (!layer.linear) return product;
  return at::linear(x, used(0, 0), runner.parameter(plan, 1)).add(product);
}

// Karras et al., "Progressive growing of GANs", arXiv 1710.10196, section 3: the standard deviation
// over a group, of each value, averaged over the values.
at::Tensor apply(Runner&, const config::MinibatchStddev& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  const int64_t samples = x.size(0);
  if (samples % layer.group != 0)
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "minibatch_stddev of layer {} cannot part {} samples into groups of {}; change "
                  "the group, or the batch that a rank sees at once (batch over ranks, "
                  "microbatches and packing)",
                  plan.name, samples, layer.group);
  constexpr double kEpsilon = 1e-8;  // keeps the root differentiable in a group of equal samples
  const at::Tensor groups = x.reshape({samples / layer.group, layer.group, -1});
  const at::Tensor variance = groups.sub(groups.mean(1, /*keepdim=*/true)).square().mean(1);
  const at::Tensor deviation = variance.add(kEpsilon).sqrt().mean(1);
  return append(x, deviation.view({-1, 1}).expand({-1, layer.group}).reshape({samples, 1}));
}

// Salimans et al., "Improved techniques for training GANs", arXiv 1606.03498, section 3.2, without
// a sample's likeness to itself.
at::Tensor apply(Runner& runner, const config::MinibatchDiscrimination& layer,
                 const LayerPlan& plan, const at::Tensor& x) {
  const at::Tensor own =
      at::linear(x, runner.parameter(plan)).view({x.size(0), layer.features, layer.dimension});
  const GatherRows* const gather = runner.context().gather;
  const at::Tensor all = layer.statistics == "global" && gather != nullptr ? (*gather)(own) : own;
  const at::Tensor distance = own.unsqueeze(1).sub(all.unsqueeze(0)).abs().sum(-1);
  // exp(-0) = 1 is the sample itself.
  return append(x, distance.neg().exp().sum(1).sub(1.0));
}

}  // namespace allmodes::networks
