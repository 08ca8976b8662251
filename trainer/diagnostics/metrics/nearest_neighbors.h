#pragma once

// The nearest other rows of each row of a set.
//
// Exact: which rows are nearest is decided by squared_distance(), whatever blocks, threads or ranks
// computed it. Time is quadratic in the rows, memory linear.

#include <cstdint>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// Copies of a row count as other rows.
struct Neighbors {
  int64_t k = 0;
  std::vector<double> squared;  // [rows of the range][k], ascending squared distances
  std::vector<int64_t> rows;  // [rows of the range][k], which rows these are; at one distance those
                              // first that come next after the row itself; of more than k copies
                              // the first of the set
  std::vector<int64_t> nearest;  // [rows of the range], index of the nearest (of equals the first)

  // Squared distances to the `rank`-th nearest (1 .. k).
  std::vector<double> radii(int64_t rank) const;
};

// Throws ExitCode::kSoftware unless 1 <= k < rows; as check_features() for bad features.
Neighbors nearest_neighbors(const Features& features, int64_t k, RowRange range);

}  // namespace allmodes::diagnostics
