// Parts of which the samples are few things in many copies.

#include <gtest/gtest.h>

#include <cmath>

#include "diagnostics/modes/thin_part.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

TEST(ThinPart, SumsTheRowsThatItHolds) {
  const NeighbourHints hints{
      .recalled = {1, 0, 0, 1}, .recalled_by_reals = {1, 1, 1, 0}, .own_neighbours = {2, 1, 0}};
  const PartNeighbours part = neighbours_of(hints, {1, 1, 1, 0}, {1, 1, 0});
  EXPECT_EQ(part.reals, 3);
  EXPECT_EQ(part.samples, 2);
  EXPECT_EQ(part.recalled, 1);
  EXPECT_EQ(part.recalled_by_reals, 3);
  EXPECT_EQ(part.own_neighbours, 3);
  EXPECT_DOUBLE_EQ(reached_share(part, {}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(reached_share(part, {.recalled = 2, .recalled_by_reals = 4}), 2.0 / 3);
  EXPECT_DOUBLE_EQ(reached_share(part, {.recalled = 5, .recalled_by_reals = 4}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(reached_share({.reals = 30, .samples = 30}, {}), 1) << "real samples reach none";
}

// 80 samples beside 79 reals: each neighbour is a sample with probability 1/2, 80 of 160.
TEST(ThinPart, HasSamplesForNeighboursMoreOftenThanChanceAndFewOfItsRealsReached) {
  PartNeighbours part{
      .reals = 79, .samples = 80, .recalled = 30, .recalled_by_reals = 70, .own_neighbours = 140};
  const PartNeighbours whole{.recalled = 900, .recalled_by_reals = 900};
  const double z = 60 / (1.6 * std::sqrt(160 * 0.25));
  EXPECT_TRUE(is_thin(part, whole, normal_upper_log10(z) + 0.01));
  EXPECT_FALSE(is_thin(part, whole, normal_upper_log10(z) - 0.01));
  part.recalled = 55;  // most reals are reached: narrower at most
  EXPECT_FALSE(is_thin(part, whole, -3));
  part.recalled = 30;
  EXPECT_TRUE(is_thin(part, whole, -3));
  EXPECT_FALSE(is_thin(part, {.recalled = 500, .recalled_by_reals = 900}, -3)) << "as everywhere";
  part.own_neighbours = 84;  // reals are as near as other samples are
  EXPECT_FALSE(is_thin(part, whole, -3));
  EXPECT_FALSE(is_thin({.reals = 19, .samples = 80, .recalled_by_reals = 18, .own_neighbours = 160},
                       whole, -3));
}

}  // namespace
}  // namespace allmodes::diagnostics
