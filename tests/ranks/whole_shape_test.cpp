// Samples that are moved or spread out as a whole.

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "diagnostics/metrics/whole_shape.h"
#include "diagnostics/statistics/null_distribution.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kShapeWidth = 5;

std::vector<float> normals(int64_t rows, uint64_t seed, double width = 1, double middle = 0) {
  std::vector<float> values(static_cast<size_t>(rows * kShapeWidth));
  fill_normal({seed, Purpose("whole shape test")}, 0, rows, kShapeWidth, values.data());
  for (float& value : values)
    value = static_cast<float>(width * static_cast<double>(value) + middle);
  return values;
}

TEST(WholeShape, IsTheMoveInDeviationsAndTheSpreadOverTheDatas) {
  const auto reals = normals(20'000, 1, 2);
  const auto shape = [&](double width, double middle) {
    const auto fakes = normals(20'000, 2, width, middle);
    return whole_shape({reals, kShapeWidth}, {fakes, kShapeWidth}, 20, 1);
  };
  EXPECT_NEAR(shape(2, 0.6).mean_shift, 0.3, 0.01);
  EXPECT_NEAR(shape(1.4, 0).spread_ratio, 0.7, 0.01);
  EXPECT_NEAR(shape(2, 0).spread_ratio, 1, 0.01);
  // Of n and m rows the mean is off by the root of 1 / n + 1 / m.
  EXPECT_NEAR(shape(2, 0).mean_shift, std::sqrt(2 / 20'000.0), 0.01);
}

TEST(WholeShape, OfUnequalSetsIsThatOfEachWhicheverIsLarger) {
  const auto many = normals(900, 1, 1);
  const auto few = normals(300, 2, 2, 1);
  const auto wider = whole_shape({many, kShapeWidth}, {few, kShapeWidth}, 20, 1);
  const auto narrower = whole_shape({few, kShapeWidth}, {many, kShapeWidth}, 20, 1);
  EXPECT_NEAR(wider.spread_ratio * narrower.spread_ratio, 1, 1e-9);
  // In deviations of the reals, of which those are twice as wide.
  EXPECT_NEAR(wider.mean_shift / narrower.mean_shift, 2, 0.1);
}

TEST(WholeShape, OfEqualSetsIsSeldomUnlikely) {
  constexpr int64_t kSets = 300;
  int64_t moved = 0, spread = 0;
  for (uint64_t set = 0; set < kSets; ++set) {
    // Tails as heavy as data have them.
    auto reals = normals(80, 2 * set), fakes = normals(60, 2 * set + 1);
    for (auto* rows : {&reals, &fakes})
      for (float& value : *rows) value = value * value * value;
    const auto shape = whole_shape({reals, kShapeWidth}, {fakes, kShapeWidth}, 100, set);
    std::vector<double> away;
    for (const double ratio : shape.ratio_draws) away.push_back(std::abs(std::log(ratio)));
    moved += Null(shape.shift_draws, Worse::high).log10_tail(shape.mean_shift) < -2 ? 1 : 0;
    spread +=
        Null(away, Worse::high).log10_tail(std::abs(std::log(shape.spread_ratio))) < -2 ? 1 : 0;
  }
  // 3 expected; 10 or more are seen once in a thousand times.
  EXPECT_LT(moved, 10);
  EXPECT_LT(spread, 10);
}

TEST(WholeShape, OfEqualRowsIsNoShift) {
  const std::vector<float> one(50 * kShapeWidth, 3.0F);
  const auto shape = whole_shape({one, kShapeWidth}, {one, kShapeWidth}, 20, 1);
  EXPECT_EQ(shape.mean_shift, 0);
  EXPECT_EQ(shape.spread_ratio, 1);
}

}  // namespace
}  // namespace allmodes::diagnostics
