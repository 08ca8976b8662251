// Running layers that are linear maps with a learned weight, or made of them.

#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>

#include <cmath>

#include "networks/maxout.h"
#include "networks/runner.h"
#include "networks/spectral_norm.h"

namespace allmodes::networks {
namespace {

// The weight as the layer uses it. `rows`: the axis of its outputs.
template <class Layer>
at::Tensor weight(Runner& runner, const Layer& layer, const LayerPlan& plan, int64_t rows = 0) {
  return layer.spectral_norm ? runner.normed(plan, 0, 0, rows) : runner.parameter(plan);
}

// The pixels of a batch of images as rows, [batch, pixels, channels], contiguous: a linear map of those is one
// product of matrices. Of others it is one or one a sample, by whether a gradient is recorded, whose last bits
// may differ.
at::Tensor pixels_of(const at::Tensor& x) {
  return x.flatten(2).transpose(1, 2).contiguous();
}

}  // namespace

at::Tensor Runner::normed(const LayerPlan& plan, size_t parameter_index, size_t buffer_index,
                          int64_t rows) {
  const SpectralNorm normed = spectral_norm(parameter(plan, parameter_index), rows,
                                            buffer(plan, buffer_index), context().training);
  if (context().training) collect(plan, buffer_index, normed.u);
  return normed.weight;
}

at::Tensor apply(Runner& runner, const config::Linear& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return at::linear(x, weight(runner, layer, plan), runner.bias(plan, layer.bias));
}

at::Tensor apply(Runner& runner, const config::Convolution& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return at::conv2d(x, weight(runner, layer, plan), runner.bias(plan, layer.bias), layer.stride,
                    layer.padding, /*dilation=*/1, layer.groups);
}

at::Tensor apply(Runner& runner, const config::TransposedConvolution& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return at::conv_transpose2d(x, weight(runner, layer, plan, /*rows=*/1),
                              runner.bias(plan, layer.bias), layer.stride, layer.padding,
                              layer.output_padding, layer.groups);
}

at::Tensor apply(Runner& runner, const config::Maxout& layer, const LayerPlan& plan,
                 const at::Tensor& x) {
  return maxout(at::linear(x, runner.parameter(plan), runner.bias(plan, layer.bias))
                    .view({x.size(0), layer.pieces, layer.units}));
}

// y_j = O sum_i softmax_i(<K x_i + k, Q x_j + q> / sqrt(channels)) (V x_i + v) + o for pixels
// x_1..x_P.
at::Tensor apply(Runner& runner, const config::Attention&, const LayerPlan& plan,
                 const at::Tensor& x) {
  const at::Tensor pixels = pixels_of(x);
  const auto map = [&](size_t index, const at::Tensor& of) {
    return at::linear(of, runner.parameter(plan, index), runner.parameter(plan, index + 1));
  };
  const at::Tensor query = map(0, pixels), key = map(2, pixels), value = map(4, pixels);
  const double scale = 1 / std::sqrt(static_cast<double>(x.size(1)));
  const at::Tensor share = at::matmul(query, key.transpose(1, 2)).mul(scale).softmax(-1);
  return map(6, at::matmul(share, value)).transpose(1, 2).reshape(x.sizes());
}

// Zhang et al., "Self-attention generative adversarial networks", arXiv 1805.08318, section 3, on
// pixels x_1..x_P: y_j = x_j + gain * O sum_i softmax_i(<K x_i, Q x_j>) V x_i.
at::Tensor apply(Runner& runner, const config::SelfAttention&, const LayerPlan& plan,
                 const at::Tensor& x) {
  const at::Tensor pixels = pixels_of(x);
  const auto map = [&](size_t index, const at::Tensor& of) {
    return at::linear(of, runner.parameter(plan, index));
  };
  const at::Tensor query = map(0, pixels), key = map(1, pixels), value = map(2, pixels);
  const at::Tensor share = at::matmul(query, key.transpose(1, 2)).softmax(-1);  // [batch, j, i]
  const at::Tensor output = map(3, at::matmul(share, value)).transpose(1, 2).reshape(x.sizes());
  return x.add(output.mul(runner.parameter(plan, 4)));
}

}  // namespace allmodes::networks
