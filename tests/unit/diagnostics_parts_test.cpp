// Parts of data whose modes nobody has named: what is found lost or narrow, and what is not.

#include "diagnostics/modes/parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kPartsLevel = 1e-3 / 12;

// Groups about ten centres in four dimensions; of the first `alive` of them.
std::vector<float> ten_groups(int64_t rows, uint64_t seed, int64_t alive = 10, double scale = 0.5) {
  std::vector<float> centres(40);
  fill_normal({999, Purpose("centres of groups")}, 0, 10, 4, centres.data());
  std::vector<float> values(static_cast<size_t>(rows * 4));
  fill_normal({seed, Purpose("groups of parts")}, 0, rows, 4, values.data());
  Random random({seed, Purpose("which group")});
  for (int64_t row = 0; row < rows; ++row) {
    const auto group = random.below(static_cast<uint64_t>(alive));
    for (size_t j = 0; j < 4; ++j) {
      float& value = values[static_cast<size_t>(row) * 4 + j];
      value = static_cast<float>(scale) * value + 4 * centres[group * 4 + j];
    }
  }
  return values;
}

PartFindings found_in(const std::vector<float>& reals, const std::vector<float>& samples) {
  return find_parts(make_part_reference({reals, 4}), {samples, 4}, kPartsLevel);
}

TEST(Parts, OfEqualDistributionsNoneIsLostOrNarrow) {
  for (const int64_t rows : {60, 300, 1000}) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const PartFindings found =
          found_in(ten_groups(rows, 2 * seed), ten_groups(rows, 2 * seed + 1));
      EXPECT_TRUE(found.missing.empty() && found.starved.empty() && found.narrow.empty()) << rows;
      EXPECT_EQ(found.lost_mass_low, 0);
    }
  }
}

TEST(Parts, ALostGroupIsOnePartWithItsShare) {
  const PartFindings found = found_in(ten_groups(2000, 1), ten_groups(2000, 2, 9));
  ASSERT_EQ(found.missing.size(), 1U);
  EXPECT_NEAR(found.missing[0].share, 0.1, 0.025);
  EXPECT_LT(found.missing[0].made, 0.01);
  EXPECT_LE(found.missing[0].made_low, found.missing[0].made);
  EXPECT_GE(found.missing[0].made_high, found.missing[0].made);
  EXPECT_GT(found.lost_mass_low, 0.02);
  EXPECT_LT(found.lost_mass_low, found.lost_mass);
  EXPECT_LT(found.smallest_loss, 0.05);
  EXPECT_FALSE(found.missing[0].reals.empty());
}

TEST(Parts, GroupsThatAreMadeNarrowAreNotLost) {
  const PartFindings found = found_in(ten_groups(2000, 1), ten_groups(2000, 2, 10, 0.25));
  EXPECT_FALSE(found.narrow.empty());
  EXPECT_LT(found.lost_mass_low, 0.01);
}

TEST(Parts, ASmallMoveOfAllSamplesLosesNothing) {
  std::vector<float> moved = ten_groups(2000, 2);
  for (float& value : moved) value += 0.3F;
  EXPECT_LT(found_in(ten_groups(2000, 1), moved).lost_mass_low, 0.01);
}

TEST(Parts, AFewSamplesShowNothing) {
  EXPECT_EQ(found_in(ten_groups(10, 1), ten_groups(10, 2)).smallest_loss, 1);
}

TEST(Parts, ATreeHoldsEachLeafOnceAtEachLevel) {
  const auto rows = ten_groups(500, 3);
  const PartTree tree = grow_tree({rows, 4}, {1, Purpose("test tree")});
  EXPECT_EQ(tree.leaves(), 25);
  EXPECT_EQ(std::ssize(tree.members[static_cast<size_t>(tree.whole())]), tree.leaves());
  for (int64_t node = 0; node < tree.whole(); ++node) {
    const auto& own = tree.members[static_cast<size_t>(node)];
    const auto& above = tree.members[static_cast<size_t>(tree.mother[static_cast<size_t>(node)])];
    EXPECT_TRUE(std::ranges::includes(above, own));
    EXPECT_EQ(ancestors(tree, node).back(), tree.whole());
  }
  const auto counts = count_nodes(tree, leaves_of(tree, {rows, 4}));
  EXPECT_EQ(counts.back(), 500);
}

// P(X <= 1) of 3 draws from 10 of which 4 are marked: (C(6,3) + 4 C(6,2)) / C(10,3) = 80 / 120.
TEST(Distributions, HypergeometricTailsAreSums) {
  EXPECT_NEAR(hypergeometric_lower_log10(1, 3, 4, 10), std::log10(80.0 / 120.0), 1e-12);
  EXPECT_NEAR(hypergeometric_lower_log10(0, 3, 4, 10), std::log10(20.0 / 120.0), 1e-12);
  EXPECT_EQ(hypergeometric_lower_log10(3, 3, 4, 10), 0);
  EXPECT_TRUE(std::isinf(hypergeometric_lower_log10(0, 8, 4, 10)));
  EXPECT_NEAR(hypergeometric_lower_log10(0, 1000, 50, 2000), -15.3, 0.3);
}

// "Rule of three": none of n: the upper bound is 1 - tail^(1/n).
TEST(Distributions, ClopperPearsonBoundsHoldTheirTails) {
  EXPECT_NEAR(binomial_upper_bound(0, 100, 0.05), 1 - std::pow(0.05, 0.01), 1e-9);
  EXPECT_NEAR(binomial_lower_bound(100, 100, 0.05), std::pow(0.05, 0.01), 1e-9);
  EXPECT_EQ(binomial_lower_bound(0, 10, 0.01), 0);
  EXPECT_EQ(binomial_upper_bound(10, 10, 0.01), 1);
  EXPECT_NEAR(binomial_lower_log10(7, 50, binomial_upper_bound(7, 50, 0.01)), -2, 1e-6);
}

TEST(Distributions, NormalTailsGoOnWhereDoublesEnd) {
  EXPECT_NEAR(normal_upper_log10(0), std::log10(0.5), 1e-12);
  EXPECT_NEAR(normal_upper_log10(1.959964), std::log10(0.025), 1e-6);
  EXPECT_NEAR(normal_upper_log10(30.001), normal_upper_log10(29.999), 0.05);
  EXPECT_LT(normal_upper_log10(60), -780);
}

}  // namespace
}  // namespace allmodes::diagnostics
