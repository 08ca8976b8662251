#include "diagnostics/metrics/near_duplicates.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFewestPairs = 10;

}  // namespace

int64_t close_pairs(const Features& features, double squared_radius, RowRange range) {
  check_features(features, "samples");
  int64_t pairs = 0;
  for_each_distance_block(features, range, features, [&](const DistanceBlock& block) {
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      const float* values = block.row(row);
      const double error = block.error_of(row);
      const int64_t start = std::max<int64_t>(0, row + 1 - block.columns.first);
      for (int64_t i = start; i < block.columns.count(); ++i) {
        const auto value = static_cast<double>(values[i]);
        if (value > squared_radius + error) continue;
        const bool close =
            value + error < squared_radius ||
            squared_distance(features.row(row), features.row(block.columns.first + i)) <=
                squared_radius;
        pairs += close ? 1 : 0;
      }
    }
  });
  return pairs;
}

double duplicate_radius(std::span<const double> nearest) {
  ALLMODES_CHECK(nearest.size() >= 2, "near-duplicates among {} samples", nearest.size());
  std::vector<double> sorted(nearest.begin(), nearest.end());
  const auto count = static_cast<int64_t>(sorted.size());
  const int64_t rank = std::min(count, std::max(kFewestPairs, count / 100)) - 1;
  std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end());
  return sorted[static_cast<size_t>(rank)];
}

double support_estimate(int64_t samples, int64_t pairs) {
  if (pairs <= 0) return std::numeric_limits<double>::infinity();
  const auto s = static_cast<double>(samples);
  return s * (s - 1) / (2 * static_cast<double>(pairs));
}

}  // namespace allmodes::diagnostics
