#include "diagnostics/metrics/frechet.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "base/error.h"
#include "diagnostics/metrics/symmetric_matrix.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFrechetBlock = 512;  // rows

}  // namespace

FeatureMoments feature_moments(const Features& features, std::span<const float> shift,
                               RowRange range) {
  check_features(features, "samples");
  check_range(range, features.rows());
  const int64_t width = features.width;
  ALLMODES_CHECK(static_cast<int64_t>(shift.size()) == width, "a shift of {} numbers, rows of {}",
                 shift.size(), width);
  const at::NoGradGuard no_grad;
  FeatureMoments moments{.count = range.count(),
                         .shift = {shift.begin(), shift.end()},
                         .sum = std::vector<double>(static_cast<size_t>(width), 0),
                         .products = std::vector<double>(static_cast<size_t>(width * width), 0)};
  at::Tensor products = at::from_blob(moments.products.data(), {width, width}, at::kDouble);
  at::Tensor storage = at::empty({kFrechetBlock, width}, at::kDouble);
  for (int64_t first = range.first; first < range.last; first += kFrechetBlock) {
    const int64_t count = std::min(kFrechetBlock, range.last - first);
    double* out = storage.data_ptr<double>();
    for (int64_t row = first; row < first + count; ++row) {
      const auto values = features.row(row);
      for (size_t i = 0; i < values.size(); ++i, ++out) {
        *out = static_cast<double>(values[i]) - moments.shift[i];
        moments.sum[i] += *out;
      }
    }
    const at::Tensor block = storage.narrow(0, 0, count);
    products.addmm_(block.t(), block);
  }
  return moments;
}

void merge(FeatureMoments& into, const FeatureMoments& part) {
  ALLMODES_CHECK(into.shift == part.shift, "moments about different points");
  merge<FeatureMoments>(into, part);
}

std::vector<double> mean(const FeatureMoments& moments) {
  ALLMODES_CHECK(moments.count >= 1, "the mean of no row");
  std::vector<double> result = moments.shift;
  for (size_t i = 0; i < result.size(); ++i)
    result[i] += moments.sum[i] / static_cast<double>(moments.count);
  return result;
}

std::vector<double> covariance(const FeatureMoments& moments, bool population) {
  ALLMODES_CHECK(moments.count >= 2, "the covariance of {} rows", moments.count);
  const auto count = static_cast<double>(moments.count);
  const size_t width = moments.sum.size();
  std::vector<double> result(width * width);
  for (size_t i = 0; i < width; ++i)
    for (size_t j = 0; j < width; ++j)
      result[i * width + j] =
          (moments.products[i * width + j] - moments.sum[i] * moments.sum[j] / count) /
          (population ? count : count - 1);
  return result;
}

Gaussian gaussian_of(const FeatureMoments& moments, bool population) {
  return {.mean = mean(moments), .covariance = covariance(moments, population)};
}

double frechet_distance(const Gaussian& a, const Gaussian& b) {
  const size_t width = a.mean.size();
  ALLMODES_CHECK(b.mean.size() == width && a.covariance.size() == width * width &&
                     b.covariance.size() == width * width,
                 "rows of {} and of {} numbers", width, b.mean.size());
  double distance = 0;
  for (size_t i = 0; i < width; ++i) {
    distance += (a.mean[i] - b.mean[i]) * (a.mean[i] - b.mean[i]);
    distance += a.covariance[i * width + i] + b.covariance[i * width + i];
  }
  distance -= 2 * trace_of_root(a.covariance, b.covariance, static_cast<int64_t>(width));
  return std::max(0.0, distance);
}

double frechet_distance(const FeatureMoments& a, const FeatureMoments& b, bool population) {
  return frechet_distance(gaussian_of(a, population), gaussian_of(b, population));
}

}  // namespace allmodes::diagnostics
