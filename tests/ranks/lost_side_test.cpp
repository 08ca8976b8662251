// Samples that lack a side of the data, and samples that are moved.

#include "diagnostics/metrics/lost_side.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kWide = 2;

// Of 2 N normal rows the first N whose first number is below `limit`, all of them moved.
std::vector<float> rows_below(double limit, int64_t rows, uint64_t seed, double move = 0) {
  std::vector<float> all(static_cast<size_t>(4 * rows * kWide));
  fill_normal({seed, Purpose("lost side")}, 0, 4 * rows, kWide, all.data());
  std::vector<float> kept;
  for (size_t row = 0; row + 1 < all.size() && std::ssize(kept) < rows * kWide; row += 2)
    if (static_cast<double>(all[row]) < limit)
      for (size_t j = 0; j < 2; ++j) kept.push_back(all[row + j] + static_cast<float>(move));
  return kept;
}

TEST(LostSide, IsSeenWhereSamplesAreCutOff) {
  const auto reals = rows_below(9, 1000, 1);
  for (const double limit : {0.0, 0.52, 0.84}) {  // 50, 30 and 20 % are lost
    const auto fakes = rows_below(limit, 1000, 2);
    const auto side = lost_side({reals, kWide}, {fakes, kWide});
    ASSERT_TRUE(side) << limit;
    EXPECT_LT(side->log10_tail, -10) << limit;
    EXPECT_LT(side->made, 0.1 * side->share * static_cast<double>(side->samples)) << limit;
  }
}

TEST(LostSide, IsNoneOfSamplesThatAreMoved) {
  const auto reals = rows_below(9, 1000, 1);
  for (uint64_t seed = 2; seed < 12; ++seed)
    for (const double move : {-0.2, -0.3, -0.4, -0.5}) {
      const auto side = lost_side({reals, kWide}, {rows_below(9, 1000, seed, move), kWide});
      EXPECT_TRUE(!side || side->log10_tail > -4) << seed << ", moved by " << move;
    }
}

}  // namespace
}  // namespace allmodes::diagnostics
