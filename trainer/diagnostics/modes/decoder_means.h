#pragma once

// Samples of a decoder that answers with means: without the noise of its likelihood, and without
// the directions that its codes do not pay for, they are narrower than the data by design.
// Torch-free.

#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// The samples [m][width] with the reals' [n][width] deviation in each column: stretched about their
// own mean where theirs is a tenth of it or more and less than it; where it is less than a tenth,
// values of other reals in their place. What is lost of the data among these is lost in directions
// in which the samples do vary. Columns should be uncorrelated (principal components). Rows as
// check_features() wants them.
std::vector<float> as_wide_as_reals(const Features& reals, const Features& samples);

}  // namespace allmodes::diagnostics
