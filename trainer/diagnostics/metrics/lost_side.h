#pragma once

// Whether samples lack one side of the data: the rows beyond a plane, which in many dimensions no
// cell and no neighbourhood sees. Across whichever direction their means differ most: that of
// Fisher's discriminant, from one half of the rows; the other half is looked at along it.

#include <cstdint>
#include <optional>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

struct LostSide {
  double share = 0;            // of the reals of the half that was looked at, beyond the plane
  int64_t made = 0;            // of that half's samples, beyond it
  int64_t samples = 0;         // of that half
  double log10_tail = 0;       // of so few, over all planes that were looked at
  std::vector<uint8_t> reals;  // [reals], 1: beyond it
  std::vector<uint8_t> fakes;  // [fakes]
};

// The side that samples lack most surely, of which they have less than half. Nothing where there is
// none, where what is left of them is not as the reals there are (then they are moved, not cut), or
// for fewer than forty rows or more than kWidestSide numbers a row. A function of the rows; those
// of a half are every other one, in an order that says nothing.
inline constexpr int64_t kWidestSide = 1024;
std::optional<LostSide> lost_side(const Features& reals, const Features& fakes);

}  // namespace allmodes::diagnostics
