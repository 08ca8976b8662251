#pragma once

// Rows to measure, and the mean of what was measured of several.

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "diagnostics/metrics/distance_blocks.h"

namespace allmodes::diagnostics::fixture {

struct Sample {
  std::vector<float> values;
  int64_t width;
  operator Features() const { return {values, width}; }
};

inline Sample normal_sample(int64_t rows, int64_t width, uint64_t seed, double scale = 1) {
  Sample sample{std::vector<float>(static_cast<size_t>(rows * width)), width};
  fill_normal({seed, Purpose("metrics test")}, 0, rows, width, sample.values.data());
  for (float& value : sample.values) value *= static_cast<float>(scale);
  return sample;
}

inline Sample repeated(std::vector<float> row, int64_t rows) {
  Sample sample{{}, static_cast<int64_t>(row.size())};
  for (int64_t i = 0; i < rows; ++i)
    sample.values.insert(sample.values.end(), row.begin(), row.end());
  return sample;
}

struct Summary {
  double mean;
  double standard_error;
};

inline Summary summarize(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  double squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += (value - sum / n) * (value - sum / n);
  return {sum / n, std::sqrt(squares / (n - 1) / n)};
}

}  // namespace allmodes::diagnostics::fixture
