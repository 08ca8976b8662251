#include "diagnostics/statistics/moments.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace allmodes::diagnostics {

void add(Moments& moments, double value) {
  moments.count += 1;
  moments.sum += value;
  moments.sum_squares += value * value;
}

double mean(const Moments& moments) {
  return moments.sum / moments.count;
}

double variance(const Moments& moments) {
  const double center = mean(moments);
  const double value = moments.sum_squares / moments.count - center * center;
  return value < 0 ? 0 : value;  // rounding; a NaN stays one
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<Pair> random_pairs(const NoiseKey& key, uint64_t rows, int64_t count) {
  ALLMODES_CHECK(rows >= 2 && count >= 0, "{} pairs of {} rows", count, rows);
  std::vector<Pair> pairs(static_cast<size_t>(count));
  for (size_t i = 0; i < pairs.size(); ++i) {
    Random random(key, i);
    pairs[i].first = random.below(rows);
    const uint64_t other = random.below(rows - 1);
    pairs[i].second = other < pairs[i].first ? other : other + 1;
  }
  return pairs;
}

Moments pair_distances(std::span<const float> values, int64_t width, std::span<const Pair> pairs) {
  ALLMODES_CHECK(width >= 1 && values.size() % static_cast<size_t>(width) == 0,
                 "{} values in rows of {}", values.size(), width);
  const auto step = static_cast<size_t>(width);
  const size_t rows = values.size() / step;
  Moments moments;
  for (const Pair& pair : pairs) {
    ALLMODES_CHECK(pair.first < rows && pair.second < rows, "pair ({}, {}) of {} rows", pair.first,
                   pair.second, rows);
    const std::span<const float> a = values.subspan(pair.first * step, step);
    const std::span<const float> b = values.subspan(pair.second * step, step);
    double squares = 0;
    for (size_t j = 0; j < step; ++j) {
      const double difference = static_cast<double>(a[j]) - static_cast<double>(b[j]);
      squares += difference * difference;
    }
    add(moments, std::sqrt(squares));
  }
  return moments;
}

double diversity_ratio(const Moments& fake, const Moments& real) {
  const double fakes = mean(fake);
  const double reals = mean(real);
  if (reals != 0) return fakes / reals;
  return fakes == 0 ? 1 : std::numeric_limits<double>::infinity();
}

}  // namespace allmodes::diagnostics
