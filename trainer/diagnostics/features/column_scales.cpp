#include "diagnostics/features/column_scales.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>

namespace allmodes::diagnostics {
namespace {

constexpr double kEnds = 0.01;  // of the rows, on either side
constexpr double kFarWider = 100;

// Below it a column's spread, as a share of its largest value, is what single precision rounds.
constexpr double kRounding = 4.0 * std::numeric_limits<float>::epsilon();

// Of sorted values; 0 where they are equal to rounding, since a sum of equal shares is not exact.
double deviation_of(std::span<const float> values) {
  const double low = values.front(), high = values.back();
  if (high - low <= kRounding * std::max(std::abs(low), std::abs(high))) return 0;
  const auto count = static_cast<double>(values.size());
  double mean = 0;
  for (const float value : values) mean += static_cast<double>(value) / count;
  double squares = 0;
  for (const float value : values)
    squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean) / count;
  return std::sqrt(squares);
}

}  // namespace

std::vector<float> column_deviations(const Features& rows) {
  check_features(rows, "rows");
  std::vector<float> deviations;
  std::vector<float> column(static_cast<size_t>(rows.rows()));
  for (size_t j = 0; j < static_cast<size_t>(rows.width); ++j) {
    for (size_t i = 0; i < column.size(); ++i) column[i] = rows.row(static_cast<int64_t>(i))[j];
    std::ranges::sort(column);
    const auto end = static_cast<size_t>(kEnds * static_cast<double>(column.size()));
    const double of_most = deviation_of(std::span(column).subspan(end, column.size() - 2 * end));
    deviations.push_back(static_cast<float>(of_most > 0 ? of_most : deviation_of(column)));
  }
  return deviations;
}

bool of_unequal_scale(const std::vector<float>& deviations) {
  std::vector<float> varying;
  std::ranges::copy_if(deviations, std::back_inserter(varying), [](float x) { return x > 0; });
  if (varying.size() < 2 || std::ssize(deviations) >= kMostScaled) return false;
  std::ranges::sort(varying);
  const float middle = varying[(varying.size() - 1) / 2];
  return static_cast<double>(varying.back()) >= kFarWider * static_cast<double>(middle);
}

}  // namespace allmodes::diagnostics
