#pragma once

// Precision, recall, density and coverage: how much of what is generated lies where the data lies,
// and how much of the data is reached by what is generated.
//
//   Kynkaanniemi, Karras, Laine, Lehtinen, Aila, "Improved precision and recall metric for
//   assessing generative models", 2019, arXiv 1904.06991, equation 1 (precision, recall) Naeem, Oh,
//   Uh, Choi, Yoo, "Reliable fidelity and diversity metrics for generative models", 2020, arXiv
//   2002.09797, equations 3 and 4 (density, coverage), and lemma 2 (expected coverage)
//
// The ball of a sample x reaches to its k-th nearest other sample of its own set, the boundary
// included: identical sets have precision = recall = coverage = 1. Exact: every decision is that of
// squared_distance(), whatever blocks, threads or ranks computed it. Time is quadratic in the
// samples, memory linear.

#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/metrics/nearest_neighbors.h"
#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// k of the papers: 3 for precision and recall, 5 for density and coverage.
struct Neighborhood {
  int64_t precision_k = 3;
  int64_t coverage_k = 5;
  int64_t largest() const { return precision_k > coverage_k ? precision_k : coverage_k; }
};

// Squared radii of all balls, [reals] and [fakes].
struct Balls {
  std::vector<double> real_precision;  // to the precision_k-th neighbour
  std::vector<double> real_coverage;   // to the coverage_k-th
  std::vector<double> fake_precision;
};

// What the fakes of a range say: counts add over ranges, flags are or-ed.
struct NeighborhoodCounts {
  int64_t fakes = 0;                   // in the range
  int64_t precise = 0;                 // of them, inside the ball of some real (precision_k)
  int64_t inside = 0;                  // pairs of one of them and a real ball it is in (coverage_k)
  std::vector<uint8_t> recalled;       // [reals], 1: inside the ball of one of these fakes
  std::vector<uint8_t> covered;        // [reals], 1: its ball (coverage_k) holds one of these fakes
  std::vector<int64_t> nearest_real;   // [fakes in the range], index (of equals the first)
  std::vector<double> nearest_square;  // [fakes in the range], the squared distance to it
};

NeighborhoodCounts count_neighborhoods(const Features& reals, const Features& fakes,
                                       const Balls& balls, RowRange fake_range);

// What coverage is on average when N reals and M fakes are drawn from one continuous distribution,
// whatever it is (lemma 2 of Naeem et al. 2020): 1 - prod_{i=1..k} (N - i) / (N + M - i). In [0,
// 1]. N > k >= 1, M >= 1.
double expected_coverage(int64_t reals, int64_t fakes, int64_t k);

struct NeighborhoodScores {
  double precision = 0;  // share of fakes inside a real ball, [0, 1]
  double recall = 0;     // share of reals inside a fake ball, [0, 1]
  double density = 0;    // pairs / (coverage_k fakes), >= 0; 1 on average for equal distributions
  double coverage = 0;   // share of real balls that hold a fake, [0, 1]
};
NeighborhoodScores neighborhood_scores(const NeighborhoodCounts& counts,
                                       const Neighborhood& neighborhood);

// All of the above in one process.
NeighborhoodScores neighborhood_scores(const Features& reals, const Features& fakes,
                                       const Neighborhood& neighborhood);

}  // namespace allmodes::diagnostics
