#pragma once

// Directions in which samples hardly vary where the data do: a dimension that a generator does not
// use, colours that are all grey. Such samples leave the outskirts of every part on both sides, as
// if mass were lost there; so these directions are looked for before mass is judged, and mass is
// judged without them.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "diagnostics/modes/parts.h"

namespace allmodes::diagnostics {

struct FlatDirections {
  int64_t directions = 0;
  int64_t looked_at = 0;  // in which rows of one cell differ most, among which they are
  // Median squared distance from the middle of the own cell along them, of samples over reals.
  double width = 1;
  double share = 0;  // of the reals' variance within cells that lies along them, (0, 1]
  // Of samples so near to those middles, in the rows that did not choose the directions.
  double log10_tail = 0;
  // [directions][width], orthonormal: rows that are 0 along these have lost what they are there.
  std::vector<double> span = {};
};

// Those in which the variance within cells (the leaves of the reference's trees in which both sets
// have rows, of each set about its own middles, each cell with the weight of its samples) is below
// a fifth of the data's, beside the direction in which samples vary most: samples that are narrow
// in all directions alike have none, nor have those that lack or repeat whole groups. Only
// directions are looked at along which the data as a whole have a tenth of their largest variance:
// noise about a surface, which a decoder's means lack, is no width. One half of the rows chooses
// them, the other half tests them (rank sum of the distances); then the halves are exchanged, and
// the surer one speaks, its tail corrected for two. Nothing where there are none, where samples lie
// in the cells of less than a tenth of the reals (a half where there are fewer than 20 cells), or
// for more than kWidestFlat numbers a row. A function of the rows.
inline constexpr int64_t kWidestFlat = 1024;
std::optional<FlatDirections> flat_directions(const PartReference& reference,
                                              const Features& samples);

// The rows, each less what it is along the directions, [rows][width].
std::vector<float> rows_without(const Features& rows, std::span<const double> span);

// Of each column of other numbers of the same rows, [columns] each row: the share of its variance
// that a linear function of what the rows are along the directions explains, [columns] in [0, 1].
std::vector<double> explained_columns(const Features& rows, std::span<const double> span,
                                      const Features& columns);

}  // namespace allmodes::diagnostics
