#pragma once

// All metrics of two sets of samples at once, the work split over ranks by rows.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diagnostics/metrics/precision_recall.h"
#include "diagnostics/statistics/cells.h"
#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/interval.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

struct SampleMetricsOptions {
  Neighborhood neighborhood;
  int64_t cells = 100;  // at most a twentieth of the reals, so that a cell has 20 on average
  uint64_t seed = 1;    // of the cells' first centres
  bool population_covariance = false;  // of the Frechet distance: divided by N instead of N - 1
};

struct SampleMetrics {
  NeighborhoodScores neighborhood;
  // Where there are more than kWidest features, empty: a matrix of their square would be too large.
  std::optional<double> frechet_distance;
  std::optional<double> vendi;       // of the fakes, about the mean of the reals
  std::optional<double> vendi_real;  // of the reals themselves
  double kernel_distance = 0;
  double kernel_effect = 0;
  // What the Frechet distance tends to for ever more samples (without_bias()).
  std::optional<double> frechet_distance_limit;
  double neighborhood_cpu_s = 0;  // processor time of the four scores on this rank
  CellScores cells;
  // Of figures by their name in a diagnosis (diagnosis/figures.h), those that have one at this N.
  std::map<std::string, Interval> intervals;
  // Pairs of reals and of fakes that are nearer than duplicate_radius() of the reals (per pair of a
  // set), one over the other: 1 for equal distributions, 0 for one sample repeated. The relative
  // support of near_duplicates.h.
  double support_ratio = 0;
  std::vector<uint8_t> covered;          // [reals]
  std::vector<int64_t> nearest_real;     // [fakes]
  std::vector<double> nearest_square;    // [fakes]
  std::vector<int64_t> nearest_of_real;  // [reals], among the other reals
};

inline constexpr int64_t kWidest = 2048;

// Collective: every rank has all samples and brings its rows. Counts are the same for any number of
// ranks, reals to about 1e-12. Throws ExitCode::kSoftware unless both sets have more samples than
// the largest k and one width; as check_features().
SampleMetrics measure_samples(world::Communicator& control, const Features& reals,
                              const Features& fakes, const SampleMetricsOptions& options);

}  // namespace allmodes::diagnostics
