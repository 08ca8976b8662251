#pragma once

// How wide each column of points is, and whether a few of them are so much wider than the others
// that distances are theirs alone. Torch-free.

#include <cstdint>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// Of each column the deviation of its values without the lowest and the highest hundredth of them,
// so that a few far rows do not set it; where that is 0, of all values; >= 0, and 0 where the values
// are equal to rounding. Rows as check_features() wants them. [width]
std::vector<float> column_deviations(const Features& rows);

// Whether the widest column is a hundred times or more as wide as half of those that vary: then, as
// of a table of incomes, ages and shares, the others do not count in a distance. Of kMostScaled
// columns or more never: those are features whose few wide directions are the ones that matter.
inline constexpr int64_t kMostScaled = 100;
bool of_unequal_scale(const std::vector<float>& deviations);

}  // namespace allmodes::diagnostics
