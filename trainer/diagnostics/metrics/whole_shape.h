#pragma once

// Samples that are moved or spread out as a whole: their mean and their distance from it beside the
// data's, each with its null measured on these very rows. Torch-free.

#include <cstdint>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

struct WholeShape {
  // Distance of the fakes' mean from the reals', in the root of the reals' total variance, >= 0.
  double mean_shift = 0;
  // Mean distance of the fakes from the mean of both sets, over that of the reals, >= 0.
  double spread_ratio = 1;
  // Both when the sets have one law: the pool cut anew into as many reals and fakes. [draws]
  std::vector<double> shift_draws, ratio_draws;
};

// A function of the rows and the seed; two rows of either set, `draws` >= 20. Of reals that are all
// equal the shift is 0. Rows of one width as check_features() wants them.
WholeShape whole_shape(const Features& reals, const Features& fakes, int64_t draws, uint64_t seed);

}  // namespace allmodes::diagnostics
