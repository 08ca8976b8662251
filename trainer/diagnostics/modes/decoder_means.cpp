#include "diagnostics/modes/decoder_means.h"

#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kVaries = 0.1;  // of the reals' deviation

struct Column {
  double mean = 0;
  double deviation = 0;
};

Column column_of(const Features& rows, size_t j) {
  const auto count = static_cast<double>(rows.rows());
  Column column;
  for (int64_t row = 0; row < rows.rows(); ++row)
    column.mean += static_cast<double>(rows.row(row)[j]) / count;
  double squares = 0;
  for (int64_t row = 0; row < rows.rows(); ++row)
    squares += std::pow(static_cast<double>(rows.row(row)[j]) - column.mean, 2) / count;
  column.deviation = std::sqrt(squares);
  return column;
}

}  // namespace

std::vector<float> as_wide_as_reals(const Features& reals, const Features& samples) {
  check_features(reals, "real samples");
  check_features(samples, "samples");
  ALLMODES_CHECK(reals.width == samples.width, "rows of {} and {} numbers", reals.width,
                 samples.width);
  const auto width = static_cast<size_t>(samples.width);
  std::vector<float> made(samples.values.begin(), samples.values.end());
  for (size_t j = 0; j < width; ++j) {
    const Column of_reals = column_of(reals, j);
    const Column own = column_of(samples, j);
    if (own.deviation >= of_reals.deviation) continue;
    Random random({.seed = 1, .purpose = Purpose("as wide as reals"), .step = j});
    for (size_t at = j; at < made.size(); at += width) {
      if (own.deviation >= kVaries * of_reals.deviation) {
        const double stretch = of_reals.deviation / own.deviation;
        made[at] =
            static_cast<float>(own.mean + stretch * (static_cast<double>(made[at]) - own.mean));
      } else {
        made[at] = reals.row(static_cast<int64_t>(random.below(uint64_t(reals.rows()))))[j];
      }
    }
  }
  return made;
}

}  // namespace allmodes::diagnostics
