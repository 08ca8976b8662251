// The mode histogram: divergences, their sampling distribution, missing modes.

#include "diagnostics/modes/mode_histogram.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

ModeHistogram histogram_of(std::vector<int64_t> observed, std::vector<double> share = {}) {
  const size_t modes = observed.size();
  if (share.empty()) share.assign(modes, 1.0 / static_cast<double>(modes));
  ModeHistogram histogram{
      .names = {}, .expected_share = std::move(share), .observed = std::move(observed)};
  for (size_t k = 0; k < modes; ++k) histogram.names.push_back(fmt::format("{}", k));
  histogram.samples = std::accumulate(histogram.observed.begin(), histogram.observed.end(), 0LL);
  return histogram;
}

// N samples of a perfect sampler; `index` selects the draw.
ModeHistogram perfect_draw(const std::vector<double>& share, int64_t samples, uint64_t index) {
  Random random({.seed = 1, .purpose = Purpose("histogram_test")}, index);
  std::vector<int64_t> observed(share.size());
  for (int64_t i = 0; i < samples; ++i) {
    double u = random.uniform();
    size_t k = 0;
    while (k + 1 < share.size() && u >= share[k]) u -= share[k++];
    ++observed[k];
  }
  return histogram_of(observed, share);
}

TEST(Histogram, DivergencesOfAnExactMatchAreZero) {
  const ModeHistogram equal = histogram_of({100, 100, 100, 100});
  EXPECT_NEAR(kl_reverse(equal), 0, 1e-15);
  EXPECT_NEAR(kl_forward(equal), 0, 1e-15);
  EXPECT_NEAR(kl_reverse(histogram_of({300, 100}, {0.75, 0.25})), 0, 1e-15);
}

TEST(Histogram, DivergencesFollowTheirDefinitions) {
  const ModeHistogram h = histogram_of({30, 60, 10}, {0.5, 0.3, 0.2});
  EXPECT_NEAR(kl_reverse(h), 0.3 * std::log(0.3 / 0.5) + 0.6 * std::log(2.0) + 0.1 * std::log(0.5),
              1e-14);
  EXPECT_NEAR(kl_forward(h),
              0.5 * std::log(0.5 / (30.5 / 101.5)) + 0.3 * std::log(0.3 / (60.5 / 101.5)) +
                  0.2 * std::log(0.2 / (10.5 / 101.5)),
              1e-14);
}

TEST(Histogram, ReverseKlOfCoveredModesIsAtLeastTheLogOfTheirShare) {
  for (int64_t covered = 1; covered <= 25; ++covered) {
    std::vector<int64_t> even(25);
    std::vector<int64_t> uneven(25);
    for (int64_t k = 0; k < covered; ++k) {
      even[static_cast<size_t>(k)] = 40;
      uneven[static_cast<size_t>(k)] = 1 + 7 * k;
    }
    const double bound = std::log(25.0 / static_cast<double>(covered));
    EXPECT_NEAR(kl_reverse(histogram_of(even)), bound, 1e-13);
    EXPECT_GE(kl_reverse(histogram_of(uneven)), bound - 1e-13);
  }
}

TEST(Histogram, ForwardKlOfAModeNeverSeenIsLargeAndFinite) {
  const double forward = kl_forward(histogram_of({2500, 0}));
  EXPECT_NEAR(forward, 0.5 * std::log(0.5 * 2501 / 2500.5) + 0.5 * std::log(0.5 * 2501 / 0.5),
              1e-12);
  EXPECT_GT(forward, 3);
}

TEST(Histogram, PerfectSamplersHaveTheFloorOnAverageAndExceedTheCeilingAsOftenAsStated) {
  struct Case {
    size_t modes;
    int64_t samples;
  };
  for (const Case& c : {Case{8, 500}, Case{25, 2500}}) {
    const std::vector<double> share(c.modes, 1.0 / static_cast<double>(c.modes));
    const int draws = 2000;
    double sum = 0;
    int above = 0;
    for (int i = 0; i < draws; ++i) {
      const ModeHistogram h = perfect_draw(share, c.samples, static_cast<uint64_t>(i));
      sum += kl_reverse(h);
      above += kl_reverse(h) > sampling_ceiling(h, 0.05) ? 1 : 0;
    }
    const double floor = (static_cast<double>(c.modes) - 1) / (2 * static_cast<double>(c.samples));
    EXPECT_DOUBLE_EQ(sampling_floor(histogram_of(std::vector<int64_t>(c.modes, 7))),
                     (static_cast<double>(c.modes) - 1) / (14 * static_cast<double>(c.modes)));
    // Standard error of the mean: floor * sqrt(2 / (K - 1) / draws), at most 1.2 %, plus
    // the next order in 1 / N.
    EXPECT_NEAR(sum / draws / floor, 1, 0.05) << c.modes << " modes";
    // 100 expected, standard deviation 9.7.
    EXPECT_NEAR(above, 0.05 * draws, 40) << c.modes << " modes";
  }
}

TEST(Histogram, StackedDigitsFloorIsThePublishedOne) {
  const std::vector<int64_t> even(1000, 26);
  EXPECT_NEAR(sampling_floor(histogram_of(even)), 0.0194, 0.0003);
}

TEST(Histogram, MissingModesAreNamedWithTheirCountsAndExactTails) {
  const auto missing =
      missing_modes(histogram_of({357, 358, 0, 357, 357, 0, 357, 356, 1, 357}), 0.1, 1e-3);
  ASSERT_EQ(missing.size(), 3U);
  EXPECT_EQ(missing[0].mode, 2);
  EXPECT_EQ(missing[1].name, "5");
  EXPECT_EQ(missing[2].observed, 1);
  EXPECT_NEAR(missing[0].expected, 250, 1e-9);
  EXPECT_NEAR(missing[0].log10_tail, 2500 * std::log10(0.9), 1e-9);
  EXPECT_NEAR(missing[2].log10_tail, 2500 * std::log10(0.9) + std::log10(1 + 2500 * 0.1 / 0.9),
              1e-9);
}

TEST(Histogram, AModeIsMissingOnlyWhenItIsBothFarBelowAndSignificant) {
  // 60 of 250: certain, but above a tenth of its expectation.
  EXPECT_TRUE(missing_modes(histogram_of({60, 440}), 0.1, 1e-3).empty());
  // 0 of 3: below a tenth, but by chance in one of twenty.
  EXPECT_TRUE(missing_modes(histogram_of({0, 97}, {0.03, 0.97}), 0.1, 1e-3).empty());
  // A mode that the data does not have cannot be missing.
  EXPECT_TRUE(missing_modes(histogram_of({0, 1000}, {0, 1}), 0.1, 1e-3).empty());
}

TEST(Histogram, TheTestIsCorrectedForTheNumberOfModes) {
  // 0.9^80 = 2.2e-4: significant for two modes at 1e-3, not for ten.
  std::vector<int64_t> ten(10, 9);
  ten[0] = 0;
  ten[1] = 8;
  EXPECT_TRUE(missing_modes(histogram_of(ten), 0.1, 1e-3).empty());
  EXPECT_EQ(missing_modes(histogram_of({0, 80}, {0.1, 0.9}), 0.1, 1e-3).size(), 1U);
}

TEST(Histogram, PerfectSamplersMissNoMoreModesThanStated) {
  // Few samples a mode, where chance misses are frequent: at most 0.05 of the draws, 100 of 2000.
  const std::vector<double> share{0.02, 0.03, 0.05, 0.1, 0.3, 0.5};
  int alarms = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    alarms += missing_modes(perfect_draw(share, 200, i), 0.1, 0.05).empty() ? 0 : 1;
  }
  EXPECT_LE(alarms, 130);
}

TEST(Histogram, AModeIsCrowdedWhenItHasFarAndSignificantlyTooMany) {
  const ModeHistogram h = histogram_of({100, 180, 60, 60});
  const auto crowded = crowded_modes(h, 1.7, 0.05, 0.001);
  ASSERT_EQ(crowded.size(), 1U);
  EXPECT_EQ(crowded[0].name, "1");
  EXPECT_EQ(crowded[0].observed, 180);
  EXPECT_DOUBLE_EQ(crowded[0].expected, 100);
  // P(X >= 180) = P(400 - X <= 220) of the other modes, whose share is three quarters.
  EXPECT_NEAR(crowded[0].log10_tail, -17.488906, 1e-6);
  EXPECT_TRUE(crowded_modes(h, 1.9, 0.05, 0.001).empty());
  EXPECT_TRUE(crowded_modes(h, 1.7, 0.25, 0.001).empty());
  EXPECT_TRUE(crowded_modes(histogram_of({2, 5, 2, 1}), 1.7, 0.05, 0.001).empty());
  // Of few reals the share itself is uncertain.
  ModeHistogram counted = h;
  counted.real_counts = {3, 3, 3, 3};
  EXPECT_TRUE(crowded_modes(counted, 1.7, 0.05, 0.001).empty());
  counted.real_counts = {100, 100, 100, 100};
  EXPECT_EQ(crowded_modes(counted, 1.7, 0.05, 0.001).size(), 1U);
  // Mistakes of a classifier may be what fills a mode.
  counted.made_ratio = {1, 1.2, 1, 1};
  EXPECT_TRUE(crowded_modes(counted, 1.7, 0.05, 0.001).empty());
}

TEST(Histogram, PerfectSamplersCrowdNoMoreModesThanStated) {
  const std::vector<double> share = {0.4, 0.3, 0.2, 0.06, 0.04};
  int alarms = 0;
  for (uint64_t draw = 0; draw < 4000; ++draw)
    alarms += crowded_modes(perfect_draw(share, 60, draw), 1.01, 0.001, 0.05).empty() ? 0 : 1;
  EXPECT_LE(alarms, 200 + 4 * std::sqrt(200.0));
  EXPECT_GT(alarms, 20);  // a test that never speaks would pass the line above
}

TEST(Histogram, UnseenModesAreHeldAgainstTheirExpectation) {
  std::vector<int64_t> half(1000);
  for (size_t k = 0; k < 500; ++k) half[k] = 2;
  const Unseen unseen = unseen_modes(histogram_of(half));
  EXPECT_EQ(unseen.observed, 500);
  EXPECT_NEAR(unseen.expected, 1000 * std::pow(0.999, 1000), 1e-9);
  EXPECT_LT(unseen.log10_tail, -8);
  const Unseen chance = unseen_modes(perfect_draw(std::vector<double>(1000, 1e-3), 1000, 3));
  EXPECT_GT(chance.log10_tail, -2);
}

TEST(Histogram, CoverageCountsModesWithEnoughSamples) {
  const ModeHistogram h = histogram_of({0, 1, 2, 10});
  EXPECT_EQ(modes_covered(h), 3);
  EXPECT_EQ(modes_covered(h, 2), 2);
  EXPECT_EQ(modes_covered(h, 11), 0);
  EXPECT_THROW(modes_covered(h, 0), Error);
}

TEST(Histogram, OneSampleAndOneModeHaveDefinedAnswers) {
  const ModeHistogram one = histogram_of({1, 0, 0, 0});
  EXPECT_NEAR(kl_reverse(one), std::log(4.0), 1e-15);
  EXPECT_TRUE(missing_modes(one, 0.1, 1e-3).empty());
  const ModeHistogram single = histogram_of({5});
  EXPECT_EQ(kl_reverse(single), 0);
  EXPECT_EQ(sampling_floor(single), 0);
  EXPECT_EQ(sampling_ceiling(single, 1e-3), 0);
}

TEST(Histogram, ASampleWhereTheDataHasNoneIsInfinitelyFar) {
  EXPECT_EQ(kl_reverse(histogram_of({1, 9}, {0, 1})), INFINITY);
  EXPECT_TRUE(std::isfinite(kl_forward(histogram_of({1, 9}, {0, 1}))));
}

TEST(Histogram, NonsenseIsRefused) {
  EXPECT_THROW(kl_reverse(ModeHistogram{}), Error);
  EXPECT_THROW(kl_reverse(histogram_of({0, 0})), Error);
  EXPECT_THROW(kl_reverse(histogram_of({2, -1})), Error);
  EXPECT_THROW(kl_reverse(histogram_of({2, 1}, {0.5, NAN})), Error);
  EXPECT_THROW(kl_reverse(histogram_of({2, 1}, {0.5, 0.4})), Error);
  EXPECT_THROW(kl_reverse(histogram_of({2, 1}, {1.5, -0.5})), Error);
  EXPECT_THROW(kl_reverse(histogram_of({2, 1}, {1})), Error);
  ModeHistogram wrong = histogram_of({2, 1});
  wrong.samples = 4;
  EXPECT_THROW(kl_reverse(wrong), Error);
  EXPECT_THROW(missing_modes(histogram_of({2, 1}), 0, 1e-3), Error);
}

}  // namespace
}  // namespace allmodes::diagnostics
