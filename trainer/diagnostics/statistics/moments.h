#pragma once

// Mergeable moments, and the mean pairwise distance: the cheap figure of diversity.

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

// Power sums of a scalar: three numbers that add over ranks in one packed all-reduce.
struct Moments {
  double count = 0;
  double sum = 0;
  double sum_squares = 0;

  static auto sums(auto& of) { return std::tie(of.count, of.sum, of.sum_squares); }
};

void add(Moments& moments, double value);

// Mean; NaN for no value.
double mean(const Moments& moments);

// Population variance (divided by count), >= 0; NaN for no value.
double variance(const Moments& moments);

// The upper one of the two in the middle of an even number of values; of at least one.
double median(std::vector<double> values);

// Two different rows.
struct Pair {
  uint64_t first;
  uint64_t second;
};

// `count` pairs of different rows, uniform with replacement, of `rows` >= 2 rows. Pair i depends on
// (key, i, rows) alone: any division of the pairs over ranks finds the same ones.
std::vector<Pair> random_pairs(const NoiseKey& key, uint64_t rows, int64_t count);

// Moments of the Euclidean distances of the given pairs of values[rows][width]; the mean is an
// unbiased estimate of the mean pairwise distance. Throws ExitCode::kSoftware when a pair names a
// row that is not there, or width < 1.
Moments pair_distances(std::span<const float> values, int64_t width, std::span<const Pair> pairs);

// Mean distance of fakes over that of reals: about 1 for equal distributions, 0 for one sample
// repeated. Where reals have no distance at all: 1 when fakes have none either, else +infinity.
double diversity_ratio(const Moments& fake, const Moments& real);

}  // namespace allmodes::diagnostics
