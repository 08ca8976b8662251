#pragma once

// Samples that are moved as a whole, or are narrower as a whole, leave places of the data at its
// rim, where nothing is lost, and are taken for other classes than they are. Torch-free.

#include <optional>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// The fakes [m][width], moved so that their mean is that of the reals, and stretched about it to
// the total variance of the reals where theirs is a hundredth of that or more, and less. Nothing
// where the move, squared, is the reals' total variance or more. Samples that lack a part of the
// data have both another mean and less variance, too: they do not match the data for being moved,
// so that only what is gone after the move is explained by it. Rows of one width as
// check_features() wants them.
std::optional<std::vector<float>> moved_onto_reals(const Features& reals, const Features& fakes);

}  // namespace allmodes::diagnostics
