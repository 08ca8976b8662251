#include "diagnostics/metrics/moved_samples.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kSmallMove = 0.25;  // squared, in the reals' total variance

std::vector<double> mean_row(const Features& rows) {
  std::vector<double> mean(static_cast<size_t>(rows.width), 0.0);
  const auto count = static_cast<double>(rows.rows());
  for (int64_t row = 0; row < rows.rows(); ++row)
    for (size_t j = 0; j < mean.size(); ++j)
      mean[j] += static_cast<double>(rows.row(row)[j]) / count;
  return mean;
}

}  // namespace

std::optional<std::vector<float>> moved_onto_reals(const Features& reals, const Features& fakes) {
  const std::vector<double> to = mean_row(reals);
  const std::vector<double> from = mean_row(fakes);
  double move = 0;
  double variance = 0;
  for (size_t j = 0; j < to.size(); ++j) move += (to[j] - from[j]) * (to[j] - from[j]);
  for (int64_t row = 0; row < reals.rows(); ++row)
    for (size_t j = 0; j < to.size(); ++j) {
      const double offset = static_cast<double>(reals.row(row)[j]) - to[j];
      variance += offset * offset / static_cast<double>(reals.rows());
    }
  if (!(move < kSmallMove * variance)) return std::nullopt;
  std::vector<float> moved(fakes.values.begin(), fakes.values.end());
  for (size_t i = 0; i < moved.size(); ++i) {
    const size_t j = i % to.size();
    moved[i] = static_cast<float>(static_cast<double>(moved[i]) + to[j] - from[j]);
  }
  return moved;
}

}  // namespace allmodes::diagnostics
