#pragma once

// Samples that are moved as a whole leave places of the data at its rim, where nothing is lost.
// Torch-free.

#include <optional>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// The fakes [m][width], moved so that their mean is that of the reals; nothing where that is a
// quarter or more of the reals' total variance (squared), which is no small move. Rows of one width
// as check_features() wants them.
std::optional<std::vector<float>> moved_onto_reals(const Features& reals, const Features& fakes);

}  // namespace allmodes::diagnostics
