#include "diagnostics/metrics/kernel_distance.h"

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"

namespace allmodes::diagnostics {
namespace {

// Over rows i of the range and all j; `same`: both are one set, and i = j is left out.
double sum_of_kernel(const Features& x, RowRange range, const Features& y, bool same) {
  const double scale = 1.0 / static_cast<double>(x.width);
  double sum = 0;
  for_each_product_block(x, range, y, [&](const ProductBlock& block) {
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      const double* values = block.row(row);
      double of_row = 0;
      for (int64_t i = 0; i < block.columns.count(); ++i) {
        if (same && block.columns.first + i == row) continue;
        const double base = values[i] * scale + 1;
        of_row += base * base * base;
      }
      sum += of_row;
    }
  });
  return sum;
}

}  // namespace

KernelSums kernel_sums(const Features& reals, const Features& fakes, RowRange real_range,
                       RowRange fake_range) {
  check_features(reals, "real samples");
  check_features(fakes, "generated samples");
  return {.within_reals = sum_of_kernel(reals, real_range, reals, true),
          .within_fakes = sum_of_kernel(fakes, fake_range, fakes, true),
          .between = sum_of_kernel(fakes, fake_range, reals, false)};
}

double kernel_distance(const KernelSums& sums, int64_t reals, int64_t fakes) {
  ALLMODES_CHECK(reals >= 2 && fakes >= 2, "{} reals and {} fakes", reals, fakes);
  const auto n = static_cast<double>(reals);
  const auto m = static_cast<double>(fakes);
  return sums.within_reals / (n * (n - 1)) + sums.within_fakes / (m * (m - 1)) -
         2 * sums.between / (n * m);
}

}  // namespace allmodes::diagnostics
