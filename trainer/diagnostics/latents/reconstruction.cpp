#include "diagnostics/latents/reconstruction.h"

#include <array>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// Sum over pixels of the population variance, from sums of squares and of values about one origin.
double spread(double square, const std::vector<double>& sum, double count) {
  double value = square / count;
  for (const double total : sum) value -= (total / count) * (total / count);
  return value < 0 ? 0 : value;  // rounding; a NaN stays one
}

}  // namespace

ReconstructionSums make_reconstruction_sums(int64_t width) {
  ALLMODES_CHECK(width >= 1, "rows of {} values", width);
  ReconstructionSums sums;
  sums.input.resize(static_cast<size_t>(width));
  sums.reconstruction.resize(static_cast<size_t>(width));
  return sums;
}

void add(ReconstructionSums& sums, std::span<const float> inputs,
         std::span<const float> reconstructions, std::span<const float> training_mean) {
  const size_t width = sums.input.size();
  ALLMODES_CHECK(width > 0 && training_mean.size() == width &&
                     inputs.size() == reconstructions.size() && inputs.size() % width == 0,
                 "{} inputs, {} reconstructions, mean of {} values, rows of {}", inputs.size(),
                 reconstructions.size(), training_mean.size(), width);
  constexpr size_t kLanes = 8;  // sums that do not wait for each other
  std::array<double, kLanes> error{}, error_of_mean{}, square{};
  for (size_t row = 0; row < inputs.size(); row += width) {
    const auto take = [&](size_t j, size_t lane) {
      const auto center = static_cast<double>(training_mean[j]);
      // About the training mean, where the variances below lose no digits to a large offset.
      const double input = static_cast<double>(inputs[row + j]) - center;
      const double reconstruction = static_cast<double>(reconstructions[row + j]) - center;
      error[lane] += (input - reconstruction) * (input - reconstruction);
      error_of_mean[lane] += input * input;
      square[lane] += reconstruction * reconstruction;
      sums.input[j] += input;
      sums.reconstruction[j] += reconstruction;
    };
    size_t j = 0;
    for (; j + kLanes <= width; j += kLanes)
      for (size_t lane = 0; lane < kLanes; ++lane) take(j + lane, lane);
    for (; j < width; ++j) take(j, j % kLanes);
  }
  sums.error += std::accumulate(error.begin(), error.end(), 0.0);
  sums.error_of_mean += std::accumulate(error_of_mean.begin(), error_of_mean.end(), 0.0);
  sums.reconstruction_square += std::accumulate(square.begin(), square.end(), 0.0);
  sums.count += static_cast<int64_t>(inputs.size() / width);
}

std::optional<double> r2_against_mean(const ReconstructionSums& sums) {
  if (sums.count == 0 || sums.error_of_mean == 0) return std::nullopt;
  return 1 - sums.error / sums.error_of_mean;
}

std::optional<double> variance_ratio(const ReconstructionSums& sums) {
  if (sums.count == 0) return std::nullopt;
  const auto count = static_cast<double>(sums.count);
  const double inputs = spread(sums.error_of_mean, sums.input, count);
  if (inputs == 0) return std::nullopt;
  return spread(sums.reconstruction_square, sums.reconstruction, count) / inputs;
}

}  // namespace allmodes::diagnostics
