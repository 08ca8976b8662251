#include "networks/filtered.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>

namespace allmodes::networks {
namespace {

// [f size, size]: the share of each pixel of the smaller image in those of the larger one. Made of
// operators on the device, so that it may be recorded in a graph.
at::Tensor shares(int64_t size, int64_t factor, const at::TensorOptions& options) {
  const auto exact = options.dtype(at::kFloat);
  const double f = static_cast<double>(factor);
  const at::Tensor place = at::arange(size * factor, exact).add(0.5).div(f).sub(0.5);
  const at::Tensor distance = place.unsqueeze(1).sub(at::arange(size, exact).unsqueeze(0)).abs();
  return at::relu(1 - distance).to(options.dtype());
}

// rows x of each channel and columns^T behind it: two matrix products, which are fast to
// differentiate twice and add up in one order. Images as NHWC stay that.
at::Tensor map_axes(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& columns) {
  const int64_t n = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  if (x.is_contiguous() || !x.is_contiguous(at::MemoryFormat::ChannelsLast))
    return at::matmul(rows, at::matmul(x, columns.t()));
  const at::Tensor tall =
      at::matmul(rows, x.permute({0, 2, 3, 1}).reshape({n, height, width * channels}));
  return at::matmul(columns, tall.reshape({n * rows.size(0), width, channels}))
      .view({n, rows.size(0), columns.size(0), channels})
      .permute({0, 3, 1, 2});
}

}  // namespace

at::Tensor filtered_upsample(const at::Tensor& x, int64_t factor) {
  return map_axes(x, shares(x.size(2), factor, x.options()),
                  shares(x.size(3), factor, x.options()));
}

at::Tensor filtered_downsample(const at::Tensor& x, int64_t factor) {
  const auto mean = [&](int64_t size) {
    return shares(size / factor, factor, x.options()).t().div(static_cast<double>(factor));
  };
  return map_axes(x, mean(x.size(2)), mean(x.size(3)));
}

}  // namespace allmodes::networks
