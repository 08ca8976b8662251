#pragma once

// Samples as the metrics of diversity see them: rows of numbers, and whose rows are whose.
// Torch-free.
//
// Work is split over ranks by rows: each metric computes the rows of a range, and what it returns
// adds (merge(), or a sum over ranks), so that any split gives the same counts.

#include <cstdint>
#include <span>
#include <string_view>

namespace allmodes::diagnostics {

// A view of [rows][width] numbers, row after row.
struct Features {
  std::span<const float> values;
  int64_t width = 0;

  int64_t rows() const { return width > 0 ? static_cast<int64_t>(values.size()) / width : 0; }
  std::span<const float> row(int64_t index) const {
    return values.subspan(static_cast<size_t>(index * width), static_cast<size_t>(width));
  }
  Features part(int64_t first, int64_t count) const {
    return {values.subspan(static_cast<size_t>(first * width), static_cast<size_t>(count * width)),
            width};
  }
};

// The rows first, ..., last - 1.
struct RowRange {
  int64_t first = 0;
  int64_t last = 0;

  int64_t count() const { return last - first; }
  bool contains(int64_t row) const { return first <= row && row < last; }
};

inline RowRange all_rows(const Features& features) {
  return {0, features.rows()};
}

// The part of `rows` rows of a rank in [0, ranks): ranges in order of rank, whose sizes differ by
// one at most, empty when there are more ranks than rows.
RowRange rows_of_rank(int64_t rows, int rank, int ranks);

// Throws ExitCode::kSoftware, naming `what`, for no rows, a width below 1 or numbers that make no
// whole row; kDataError, with row and column, for a NaN or what is above kLargestFeature in
// magnitude, whose square would leave single precision. The metrics check what they are given by
// this.
inline constexpr float kLargestFeature = 1e15F;
void check_features(const Features& features, std::string_view what);

// Throws ExitCode::kSoftware unless the range lies in [0, rows].
void check_range(RowRange range, int64_t rows);

// Squared Euclidean distance, in double precision, added up in the order of the coordinates. This
// is *the* distance of two rows: whatever a matrix product estimates, comparisons are decided by
// it. It is symmetric to the last bit and 0 for equal rows.
double squared_distance(std::span<const float> a, std::span<const float> b);

}  // namespace allmodes::diagnostics
