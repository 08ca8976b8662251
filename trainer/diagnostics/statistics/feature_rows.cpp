#include "diagnostics/statistics/feature_rows.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allmodes::diagnostics {

RowRange rows_of_rank(int64_t rows, int rank, int ranks) {
  ALLMODES_CHECK(rows >= 0 && 0 <= rank && rank < ranks, "rank {} of {}, {} rows", rank, ranks,
                 rows);
  const int64_t share = rows / ranks;
  const int64_t rest = rows % ranks;
  const int64_t first = rank * share + std::min<int64_t>(rank, rest);
  return {first, first + share + (rank < rest ? 1 : 0)};
}

void check_features(const Features& features, std::string_view what) {
  ALLMODES_CHECK(features.width >= 1 && !features.values.empty() &&
                     static_cast<int64_t>(features.values.size()) % features.width == 0,
                 "{}: {} numbers in rows of {}", what, features.values.size(), features.width);
  for (size_t i = 0; i < features.values.size(); ++i) {
    if (std::abs(features.values[i]) <= kLargestFeature) continue;
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: row {}, column {} is {}; numbers of at most {} were expected", what,
                  static_cast<int64_t>(i) / features.width,
                  static_cast<int64_t>(i) % features.width, features.values[i], kLargestFeature);
  }
}

void check_range(RowRange range, int64_t rows) {
  ALLMODES_CHECK(0 <= range.first && range.first <= range.last && range.last <= rows,
                 "rows {} to {} of {}", range.first, range.last, rows);
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

}  // namespace allmodes::diagnostics
