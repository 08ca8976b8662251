#include "diagnostics/statistics/principal.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr int kIterations = 8;

// Gram and Schmidt, twice, over the rows of directions[d][width]; a row without anything of its own
// becomes 0.
void orthonormalize(std::vector<float>& directions, size_t width) {
  const size_t count = directions.size() / width;
  const auto dot = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t j = 0; j < width; ++j)
      sum += static_cast<double>(directions[a * width + j]) * directions[b * width + j];
    return sum;
  };
  for (size_t d = 0; d < count; ++d) {
    const double before = std::sqrt(dot(d, d));
    for (int turn = 0; turn < 2; ++turn) {
      for (size_t other = 0; other < d; ++other) {
        const auto along = static_cast<float>(dot(d, other));
        for (size_t j = 0; j < width; ++j)
          directions[d * width + j] -= along * directions[other * width + j];
      }
    }
    const double norm = std::sqrt(dot(d, d));
    const auto scale = static_cast<float>(norm > 1e-5 * before ? 1 / norm : 0);
    for (size_t j = 0; j < width; ++j) directions[d * width + j] *= scale;
  }
}

// row . direction, about the mean.
double along(const float* row, const float* mean, const float* direction, size_t width) {
  // Several sums side by side, so that the additions need not wait for each other.
  float sums[8] = {};
  size_t j = 0;
  for (; j + 8 <= width; j += 8)
    for (size_t l = 0; l < 8; ++l) sums[l] += (row[j + l] - mean[j + l]) * direction[j + l];
  double sum = 0;
  for (const float part : sums) sum += part;
  for (; j < width; ++j) sum += static_cast<double>(row[j] - mean[j]) * direction[j];
  return sum;
}

}  // namespace

Projection principal_projection(std::span<const float> values, int64_t width, int64_t dimensions,
                                const NoiseKey& key) {
  ALLMODES_CHECK(
      width >= 1 && dimensions >= 1 && !values.empty() && values.size() % size_t(width) == 0,
      "{} principal directions of {} values in rows of {}", dimensions, values.size(), width);
  const auto w = static_cast<size_t>(width);
  const size_t rows = values.size() / w;
  Projection made{
      .width = width, .dimensions = std::min(width, dimensions), .mean = {}, .directions = {}};
  std::vector<double> sums(w, 0.0);
  for (size_t i = 0; i < values.size(); ++i) sums[i % w] += values[i];
  for (const double sum : sums)
    made.mean.push_back(static_cast<float>(sum / static_cast<double>(rows)));
  if (width <= dimensions) return made;
  const auto d = static_cast<size_t>(made.dimensions);
  made.directions.resize(d * w);
  fill_normal(key, 0, made.dimensions, width, made.directions.data());
  orthonormalize(made.directions, w);
  for (int turn = 0; turn < kIterations; ++turn) {
    std::vector<float> next(d * w, 0.0F);
    for (size_t i = 0; i < rows; ++i) {
      const float* row = &values[i * w];
      for (size_t k = 0; k < d; ++k) {
        const auto score =
            static_cast<float>(along(row, made.mean.data(), &made.directions[k * w], w));
        for (size_t j = 0; j < w; ++j) next[k * w + j] += score * (row[j] - made.mean[j]);
      }
    }
    orthonormalize(next, w);
    made.directions = std::move(next);
  }
  return made;
}

std::vector<float> project(const Projection& projection, std::span<const float> values) {
  const auto w = static_cast<size_t>(projection.width);
  ALLMODES_CHECK(w >= 1 && values.size() % w == 0, "{} values in rows of {}", values.size(), w);
  if (projection.directions.empty()) return {values.begin(), values.end()};
  const size_t rows = values.size() / w;
  const auto d = static_cast<size_t>(projection.dimensions);
  std::vector<float> features(rows * d);
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < d; ++k)
      features[i * d + k] = static_cast<float>(
          along(&values[i * w], projection.mean.data(), &projection.directions[k * w], w));
  return features;
}

}  // namespace allmodes::diagnostics
