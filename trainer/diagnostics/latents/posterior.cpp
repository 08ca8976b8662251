#include "diagnostics/latents/posterior.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// 1/2 (m^2 + v - ln v - 1) for log_variance = ln v.
double gaussian_kl(double mean, double variance, double log_variance) {
  return 0.5 * (mean * mean + variance - log_variance - 1);
}

double count_of(const LatentSums& sums) {
  ALLMODES_CHECK(sums.count > 0, "latent figures of no sample");
  return static_cast<double>(sums.count);
}

}  // namespace

LatentSums make_latent_sums(int64_t dimensions) {
  ALLMODES_CHECK(dimensions >= 1, "{} latent dimensions", dimensions);
  const std::vector<double> zeros(static_cast<size_t>(dimensions));
  return {.count = 0, .kl = zeros, .mean = zeros, .square = zeros, .variance = zeros};
}

void add(LatentSums& sums, std::span<const float> mean, std::span<const float> log_variance) {
  const size_t dimensions = sums.kl.size();
  ALLMODES_CHECK(
      dimensions > 0 && mean.size() == log_variance.size() && mean.size() % dimensions == 0,
      "{} means and {} log variances of {} dimensions", mean.size(), log_variance.size(),
      dimensions);
  for (size_t i = 0; i < mean.size(); ++i) {
    const size_t j = i % dimensions;
    const auto center = static_cast<double>(mean[i]);
    const auto logarithm = static_cast<double>(log_variance[i]);
    const double variance = std::exp(logarithm);
    sums.kl[j] += gaussian_kl(center, variance, logarithm);
    sums.mean[j] += center;
    sums.square[j] += center * center;
    sums.variance[j] += variance;
  }
  sums.count += static_cast<int64_t>(mean.size() / dimensions);
}

void add(LatentSums& sums, std::span<const float> codes) {
  const size_t dimensions = sums.kl.size();
  ALLMODES_CHECK(dimensions > 0 && codes.size() % dimensions == 0, "{} codes of {} dimensions",
                 codes.size(), dimensions);
  for (size_t i = 0; i < codes.size(); ++i) {
    const auto code = static_cast<double>(codes[i]);
    sums.mean[i % dimensions] += code;
    sums.square[i % dimensions] += code * code;
  }
  sums.count += static_cast<int64_t>(codes.size() / dimensions);
}

std::vector<double> kl_per_dimension(const LatentSums& sums) {
  const double count = count_of(sums);
  std::vector<double> result = sums.kl;
  for (double& value : result) value /= count;
  return result;
}

double kl_total(const LatentSums& sums) {
  return std::accumulate(sums.kl.begin(), sums.kl.end(), 0.0) / count_of(sums);
}

std::vector<double> activity(const LatentSums& sums) {
  const double count = count_of(sums);
  std::vector<double> result(sums.mean.size());
  for (size_t j = 0; j < result.size(); ++j) {
    const double center = sums.mean[j] / count;
    const double variance = sums.square[j] / count - center * center;
    result[j] = variance < 0 ? 0 : variance;  // rounding; a NaN stays one
  }
  return result;
}

int64_t active_units(const LatentSums& sums, double prior_variance) {
  return std::ranges::count_if(activity(sums),
                               [&](double v) { return v > kActiveVariance * prior_variance; });
}

std::vector<double> aggregate_kl_per_dimension(const LatentSums& sums) {
  const double count = count_of(sums);
  std::vector<double> result = activity(sums);
  for (size_t j = 0; j < result.size(); ++j) {
    const double variance = result[j] + sums.variance[j] / count;
    result[j] = gaussian_kl(sums.mean[j] / count, variance, std::log(variance));
  }
  return result;
}

}  // namespace allmodes::diagnostics
