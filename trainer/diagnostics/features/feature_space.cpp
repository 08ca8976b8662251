#include "diagnostics/features/feature_space.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/metrics/frechet.h"
#include "diagnostics/metrics/symmetric_matrix.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFeatureBlock = 250;  // rows

at::Tensor view(std::span<const float> values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}

// Calls work(first, count) for blocks that begin at multiples of kFeatureBlock.
template <class Work>
void for_each_block(RowRange range, const Work& work) {
  for (int64_t first = range.first; first < range.last;) {
    const int64_t end = std::min(range.last, (first / kFeatureBlock + 1) * kFeatureBlock);
    work(first, end - first);
    first = end;
  }
}

void append(std::vector<float>& out, const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  out.insert(out.end(), dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
}

at::Tensor random_weights(const char* name, int64_t outputs, int64_t inputs, int64_t side) {
  at::Tensor weights = at::empty({outputs, inputs, side, side}, at::kFloat);
  const int64_t fan_in = inputs * side * side;
  fill_normal({0, Purpose(name)}, 0, outputs, fan_in, weights.data_ptr<float>());
  return weights.mul_(std::sqrt(2.0 / static_cast<double>(fan_in)));
}

}  // namespace

Projection principal_components(const Features& reals, int64_t dimensions) {
  check_features(reals, "real samples");
  ALLMODES_CHECK(dimensions >= 1 && reals.rows() >= 2, "{} components of {} samples", dimensions,
                 reals.rows());
  if (reals.width > kWidestPca) {
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "principal components of samples of {} numbers; at most {} are analysed: use "
                  "other features",
                  reals.width, kWidestPca);
  }
  const FeatureMoments moments = feature_moments(reals, reals.row(0), all_rows(reals));
  const std::vector<double> centre = mean(moments);
  const Eigensystem axes = eigenvectors(covariance(moments), reals.width);
  const auto width = static_cast<size_t>(reals.width);
  Projection projection{.width = reals.width,
                        .dimensions = std::min({dimensions, reals.width, reals.rows() - 1}),
                        .mean = {centre.begin(), centre.end()},
                        .directions = {}};
  // Eigenvalues ascend.
  for (size_t i = 0; i < static_cast<size_t>(projection.dimensions); ++i)
    for (size_t row = 0; row < width; ++row)
      projection.directions.push_back(
          static_cast<float>(axes.vectors[row * width + width - 1 - i]));
  return projection;
}

std::vector<float> project(const Features& features, const Projection& projection, RowRange range) {
  check_range(range, features.rows());
  const at::NoGradGuard no_grad;
  const at::Tensor mean = view(projection.mean, {1, features.width});
  const at::Tensor basis = view(projection.directions, {projection.dimensions, features.width}).t();
  std::vector<float> out;
  for_each_block(range, [&](int64_t first, int64_t count) {
    const at::Tensor rows = view(features.part(first, count).values, {count, features.width});
    append(out, at::mm(rows.sub(mean), basis));
  });
  return out;
}

std::vector<float> random_conv_features(std::span<const float> images, int64_t channels,
                                        int64_t height, int64_t width, RowRange range) {
  const Features rows{images, channels * height * width};
  check_range(range, rows.rows());
  const at::NoGradGuard no_grad;
  const at::Tensor first_weights = random_weights("random features, layer 1", 32, channels, 5);
  const at::Tensor second_weights = random_weights("random features, layer 2", 64, 32, 3);
  std::vector<float> out;
  for_each_block(range, [&](int64_t first, int64_t count) {
    const at::Tensor block = view(rows.part(first, count).values, {count, channels, height, width});
    const at::Tensor hidden = at::relu(at::conv2d(block, first_weights, {}, 2, 2));
    const at::Tensor deep = at::relu(at::conv2d(hidden, second_weights, {}, 2, 1));
    append(out, at::adaptive_avg_pool2d(deep, {2, 2}));
  });
  return out;
}

}  // namespace allmodes::diagnostics
