#pragma once

// Samples that are moved as a whole, or are a little narrower as a whole, leave places of the data
// at its rim, where nothing is lost. Torch-free.

#include <optional>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// The fakes [m][width], moved so that their mean is that of the reals; nothing where that is a
// quarter or more of the reals' total variance (squared), which is no small move. Where they are
// hardly moved (a fiftieth) and their total variance is 0.6 to 1 of the reals', they are also
// stretched about the mean to that of the reals: samples that lack one side have both less variance
// and another mean. Rows of one width as check_features() wants them.
std::optional<std::vector<float>> moved_onto_reals(const Features& reals, const Features& fakes);

}  // namespace allmodes::diagnostics
