#include "diagnostics/metrics/moved_samples.h"

#include <cmath>

namespace allmodes::diagnostics {
namespace {

constexpr double kFarthestMove = 1;  // squared, in the reals' total variance
constexpr double kNarrowest = 0.01;  // the samples' total variance over that of the reals

std::vector<double> mean_row(const Features& rows) {
  std::vector<double> mean(static_cast<size_t>(rows.width), 0.0);
  const auto count = static_cast<double>(rows.rows());
  for (int64_t row = 0; row < rows.rows(); ++row)
    for (size_t j = 0; j < mean.size(); ++j)
      mean[j] += static_cast<double>(rows.row(row)[j]) / count;
  return mean;
}

double total_variance(const Features& rows, const std::vector<double>& mean) {
  double variance = 0;
  for (int64_t row = 0; row < rows.rows(); ++row)
    for (size_t j = 0; j < mean.size(); ++j) {
      const double offset = static_cast<double>(rows.row(row)[j]) - mean[j];
      variance += offset * offset / static_cast<double>(rows.rows());
    }
  return variance;
}

}  // namespace

std::optional<std::vector<float>> moved_onto_reals(const Features& reals, const Features& fakes) {
  const std::vector<double> to = mean_row(reals);
  const std::vector<double> from = mean_row(fakes);
  double move = 0;
  for (size_t j = 0; j < to.size(); ++j) move += (to[j] - from[j]) * (to[j] - from[j]);
  const double variance = total_variance(reals, to);
  if (!(move < kFarthestMove * variance)) return std::nullopt;
  const double narrower = total_variance(fakes, from) / variance;
  const double stretch = narrower > kNarrowest && narrower < 1 ? 1 / std::sqrt(narrower) : 1;
  std::vector<float> moved(fakes.values.begin(), fakes.values.end());
  for (size_t i = 0; i < moved.size(); ++i) {
    const size_t j = i % to.size();
    moved[i] = static_cast<float>(to[j] + stretch * (static_cast<double>(moved[i]) - from[j]));
  }
  return moved;
}

}  // namespace allmodes::diagnostics
