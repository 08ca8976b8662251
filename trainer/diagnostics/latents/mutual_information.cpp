#include "diagnostics/latents/mutual_information.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace allmodes::diagnostics {

double information_sum(std::span<const float> mean, std::span<const float> log_variance,
                       int64_t dimensions, int64_t first, int64_t last, const NoiseKey& key) {
  ALLMODES_CHECK(dimensions >= 1 && mean.size() == log_variance.size() && !mean.empty() &&
                     static_cast<int64_t>(mean.size()) % dimensions == 0,
                 "{} means and {} log variances of {} dimensions", mean.size(), log_variance.size(),
                 dimensions);
  const auto width = static_cast<size_t>(dimensions);
  const size_t rows = mean.size() / width;
  ALLMODES_CHECK(0 <= first && first <= last && last <= static_cast<int64_t>(rows),
                 "samples {} to {} of {}", first, last, rows);
  std::vector<double> precision(mean.size());
  std::vector<double> offset(rows, 0);  // -1/2 sum ln sigma^2; what is common to all cancels
  for (size_t i = 0; i < mean.size(); ++i) {
    precision[i] = std::exp(-static_cast<double>(log_variance[i]));
    offset[i / width] -= 0.5 * static_cast<double>(log_variance[i]);
  }
  std::vector<float> noise(width);
  std::vector<double> z(width);
  std::vector<double> density(rows);
  double sum = 0;
  for (int64_t sample = first; sample < last; ++sample) {
    const auto own = static_cast<size_t>(sample);
    fill_normal(key, static_cast<uint64_t>(sample), 1, dimensions, noise.data());
    for (size_t i = 0; i < width; ++i)
      z[i] = static_cast<double>(mean[own * width + i]) +
             static_cast<double>(noise[i]) / std::sqrt(precision[own * width + i]);
    for (size_t n = 0; n < rows; ++n) {
      double square = 0;
      for (size_t i = 0; i < width; ++i) {
        const double difference = z[i] - static_cast<double>(mean[n * width + i]);
        square += difference * difference * precision[n * width + i];
      }
      density[n] = offset[n] - 0.5 * square;
    }
    const double largest = *std::max_element(density.begin(), density.end());
    double mixture = 0;
    for (const double value : density) mixture += std::exp(value - largest);
    sum += density[own] - largest - std::log(mixture / static_cast<double>(rows));
  }
  return sum;
}

}  // namespace allmodes::diagnostics
