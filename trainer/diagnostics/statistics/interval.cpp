#include "diagnostics/statistics/interval.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kEachSide = 0.005;
constexpr double kStudent9 = 3.2498355;  // P(T > this) = 0.005 with nine degrees of freedom

double average_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double squares_about_mean(std::span<const double> values) {
  const double middle = average_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return sum;
}

}  // namespace

Interval interval_of_share(int64_t count, int64_t trials) {
  return {.low = binomial_lower_bound(count, trials, kEachSide),
          .high = binomial_upper_bound(count, trials, kEachSide),
          .method = "Clopper-Pearson"};
}

Interval interval_of_jackknife(double value, std::span<const double> left_out) {
  ALLMODES_CHECK(left_out.size() == kJackknifeGroups, "{} groups", left_out.size());
  constexpr double kGroups = kJackknifeGroups;
  const double error = std::sqrt((kGroups - 1) / kGroups * squares_about_mean(left_out));
  return {
      .low = value - kStudent9 * error, .high = value + kStudent9 * error, .method = "jackknife"};
}

Interval interval_of_parts(double value, std::span<const double> parts, double share) {
  ALLMODES_CHECK(parts.size() == kJackknifeGroups && share > 0, "{} parts of {}", parts.size(),
                 share);
  const double deviation = std::sqrt(squares_about_mean(parts) / (kJackknifeGroups - 1));
  const double reach = kStudent9 * deviation * std::sqrt(share);
  return {.low = value - reach, .high = value + reach, .method = "ten evaluations"};
}

double without_bias(double value, std::span<const double> left_out) {
  ALLMODES_CHECK(left_out.size() == kJackknifeGroups, "{} groups", left_out.size());
  return kJackknifeGroups * value - (kJackknifeGroups - 1) * average_of(left_out);
}

Interval interval_of_draws(double value, std::span<const double> draws, std::string method) {
  ALLMODES_CHECK(draws.size() >= 2, "{} draws", draws.size());
  const double deviation =
      std::sqrt(squares_about_mean(draws) / static_cast<double>(draws.size() - 1));
  const double reach = normal_quantile(kEachSide) * deviation;
  return {.low = value - reach, .high = value + reach, .method = std::move(method)};
}

Interval clamped(Interval interval, double lowest, double highest) {
  interval.low = std::clamp(interval.low, lowest, highest);
  interval.high = std::clamp(interval.high, lowest, highest);
  return interval;
}

}  // namespace allmodes::diagnostics
