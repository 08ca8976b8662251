// Nulls from draws, and the comparison with real samples: spread, coverage, and their alarms.

#include "diagnostics/statistics/null_distribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/modes/comparison.h"
#include "diagnostics/statistics/distributions.h"
#include "diagnostics/statistics/principal.h"
#include "diagnostics/statistics/small_matrix.h"

namespace allmodes::diagnostics {
namespace {

std::vector<double> draws_of(uint64_t seed, int count, double (*law)(Random&)) {
  Random random({.seed = seed, .purpose = Purpose("draws")});
  std::vector<double> draws;
  for (int i = 0; i < count; ++i) draws.push_back(law(random));
  return draws;
}

double exponential(Random& random) {
  return -std::log1p(-random.uniform());
}
double standard_normal(Random& random) {
  return random.normal();
}

// The value beyond the draws that has this tail, of a null whose high values are worse.
double threshold_of(const Null& null, double log10_tail) {
  double below = null.draws().back();
  double above = below + 1e3;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = 0.5 * (below + above);
    (null.log10_tail(middle) > log10_tail ? below : above) = middle;
  }
  return above;
}

TEST(Null, WithinTheDrawsTheTailIsTheRank) {
  std::vector<double> draws(99);
  std::iota(draws.begin(), draws.end(), 1.0);
  const Null high(draws, Worse::high);
  EXPECT_NEAR(high.log10_tail(80.5), std::log10(20.0 / 100), 1e-12);
  const Null low(draws, Worse::low);
  EXPECT_NEAR(low.log10_tail(19.5), std::log10(20.0 / 100), 1e-12);
  EXPECT_EQ(high.median(), 50);
  EXPECT_EQ(high.log10_tail(-1000), 0);
  EXPECT_EQ(high.log10_tail(NAN), 0);
}

TEST(Null, BeyondTheDrawsTheTailIsThePredictiveExponential) {
  std::vector<double> draws(99);
  std::iota(draws.begin(), draws.end(), 1.0);
  // Nine peaks, 91 .. 99, over 90: their excesses sum to 45.
  const Null null(draws, Worse::high);
  EXPECT_NEAR(null.log10_tail(135), std::log10(9.0 / 100 * std::pow(2.0, -9)), 1e-12);
  for (const double value : {50.5, 95.0, 200.0, 1e4})
    EXPECT_NEAR(Null(draws, Worse::low).log10_tail(100 - value), null.log10_tail(value), 1e-9);
}

TEST(Null, AThresholdIsExceededNoMoreOftenThanStatedWhetherTheTailIsNormalOrExponential) {
  for (const auto law : {exponential, standard_normal}) {
    // The exact tail behind each threshold, averaged over many calibrations.
    double sum = 0;
    constexpr int kCalibrations = 1000;
    for (uint64_t i = 0; i < kCalibrations; ++i) {
      const Null null(draws_of(100 + i, 100, law), Worse::high);
      const double x = threshold_of(null, -3.5);
      sum += law == exponential ? std::exp(-x) : 0.5 * std::erfc(x / std::numbers::sqrt2);
    }
    const double rate = sum / kCalibrations;
    EXPECT_LT(rate, 1.3 * std::pow(10.0, -3.5));
    if (law == exponential) {
      EXPECT_GT(rate, 0.7 * std::pow(10.0, -3.5));
    }
  }
}

TEST(Null, AFigureThatNeverVariesStillHasAWidth) {
  const Null null(std::vector<double>(50, 1.0), Worse::low);
  EXPECT_GT(null.log10_tail(0.9999), -2);
  EXPECT_LT(null.log10_tail(0.9), -4);
  EXPECT_THROW(Null(std::vector<double>(19, 1.0), Worse::low), Error);
  EXPECT_THROW(Null(std::vector<double>(50, NAN), Worse::low), Error);
}

// P(X >= i) at i = 0 .. 50 of a Poisson law.
std::vector<double> poisson_tails(double mean) {
  std::vector<double> tails(51, 0.0);
  for (int i = 100; i >= 0; --i) {
    const double p = std::exp(i * std::log(mean) - mean - std::lgamma(i + 1.0));
    for (size_t at = 0; at < tails.size() && std::cmp_less_equal(at, i); ++at) tails[at] += p;
  }
  return tails;
}

TEST(Null, OfAShareThatIsNearlyAlwaysZeroAThresholdIsExceededNoMoreOftenThanStated) {
  constexpr double kRows = 500;
  for (const double mean : {0.001, 0.01, 0.05, 0.2, 1.0, 4.0}) {
    const auto tails = poisson_tails(mean);
    for (const int group : {1, 3}) {  // rows that go beyond together
      double sum = 0;
      constexpr int kCalibrations = 400;
      for (uint64_t i = 0; i < kCalibrations; ++i) {
        Random random({i, Purpose("groups of rows")});
        std::vector<double> draws(400);
        for (double& draw : draws) {
          const double at = random.uniform();
          int groups = 0;
          while (at < tails.at(static_cast<size_t>(groups) + 1)) ++groups;
          draw = groups * group / kRows;
        }
        const Null null(draws, Worse::high, 1 / kRows);
        int groups = 1;
        while (null.log10_tail(groups * group / kRows) > -3.5) ++groups;
        sum += tails.at(static_cast<size_t>(groups));
      }
      EXPECT_LT(sum / kCalibrations, 1.3 * std::pow(10.0, -3.5)) << mean << " groups of " << group;
    }
  }
}

TEST(Null, WhatDrawsDoNotTellIsNotUnlikely) {
  // Five of 400 draws beyond 0, by 5 rows of 500 each; the value is beyond by 14.
  std::vector<double> draws(400, 0.0);
  std::fill_n(draws.begin(), 5, 0.01);
  EXPECT_NEAR(Null(draws, Worse::high, 0.002).log10_tail(0.028),
              std::log10(6.0 / 401) - 10 * std::log10(1 + 0.028 / (5 * 0.01 + 5 * 0.006)), 1e-12);
}

TEST(SmallMatrix, EigenvaluesAreThoseOfAKnownMatrix) {
  const Eigen found = eigen({2, 1, 0, 1, 2, 0, 0, 0, 5}, 3);
  EXPECT_NEAR(found.values[0], 5, 1e-12);
  EXPECT_NEAR(found.values[1], 3, 1e-12);
  EXPECT_NEAR(found.values[2], 1, 1e-12);
  EXPECT_NEAR(std::abs(found.vectors[3]), 1 / std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(found.vectors[3], found.vectors[4], 1e-12);
  const std::vector<double> c = {4, 1, 1, 3};
  const auto w = whitening(c, 2, 2);
  const auto one = congruence(w, c, 2);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(one[i], i % 3 == 0 ? 1 : 0, 1e-12);
  EXPECT_EQ(whitening(c, 2, 1).size(), 2U);
  EXPECT_TRUE(whitening(std::vector<double>(4, 0.0), 2, 2).empty());
}

TEST(PrincipalProjection, FindsTheDirectionsOfMostVariance) {
  constexpr int64_t kWidth = 40;
  Random random({.seed = 3, .purpose = Purpose("principal")});
  std::vector<float> values;
  for (int i = 0; i < 500; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      values.push_back(static_cast<float>(7 + (j == 11 ? 5 : j == 30 ? 3 : 0.2) * random.normal()));
  const Projection made = principal_projection(values, kWidth, 2, {1, Purpose("start")});
  EXPECT_GT(std::abs(made.directions[11]), 0.99);
  EXPECT_GT(std::abs(made.directions[kWidth + 30]), 0.99);
  const auto features = project(made, values);
  double sum = 0, square = 0;
  for (size_t i = 0; i < features.size(); i += 2) {
    sum += features[i];
    square += features[i] * features[i];
  }
  EXPECT_NEAR(sum / 500, 0, 1e-3);
  EXPECT_NEAR(square / 500, 25, 4);
  // Of few values it is the sample itself.
  EXPECT_EQ(project(principal_projection(values, 8, 8, {1, Purpose("start")}), values), values);
}

// Normal modes of deviation (3, 1) at (20 k, 0); `keep` says which points stay.
FeatureRows normal_modes(uint64_t seed, int64_t modes, int64_t each,
                         bool (*keep)(int64_t mode, double x, double y)) {
  FeatureRows rows{.width = 2, .features = {}, .modes = {}};
  Random random({.seed = seed, .purpose = Purpose("modes")});
  for (int64_t mode = 0; mode < modes; ++mode) {
    for (int64_t i = 0; i < each;) {
      const double x = random.normal(), y = random.normal();
      if (!keep(mode, x, y)) continue;
      rows.features.push_back(static_cast<float>(20 * static_cast<double>(mode) + 3 * x));
      rows.features.push_back(static_cast<float>(y));
      rows.modes.push_back(mode);
      ++i;
    }
  }
  return rows;
}

bool all(int64_t, double, double) {
  return true;
}
bool right_half_of_mode_2(int64_t mode, double x, double) {
  return mode != 2 || x > 0;
}
bool slanted_half_of_mode_2(int64_t mode, double x, double y) {
  return mode != 2 || x > y;
}

// The variance of one half of a normal across the cut is 1 - 2 / pi, whichever way it is cut.
TEST(ModeSpread, OfHalfAModeIsOneMinusTwoOverPiInTheDirectionOfTheCut) {
  const Reference reference = make_reference(normal_modes(1, 5, 20'000, all), 5);
  for (const auto half : {right_half_of_mode_2, slanted_half_of_mode_2}) {
    const auto spreads = spread_by_mode(normal_modes(2, 5, 20'000, half), reference);
    ASSERT_EQ(spreads.size(), 5U);
    for (const ModeDeficit& each : spreads) {
      EXPECT_NEAR(each.value, each.mode == 2 ? 1 - 2 / std::numbers::pi : 1, 0.05) << each.mode;
      EXPECT_NEAR(each.deficit, (1 - each.value) * 100, 1e-6);  // sqrt(n m / (n + m))
    }
  }
}

TEST(ModeSpread, OfOneSampleRepeatedIsZeroAndOfTooFewIsNotSaid) {
  const Reference reference = make_reference(normal_modes(1, 2, 500, all), 2);
  FeatureRows samples{.width = 2, .features = {}, .modes = {}};
  for (int i = 0; i < 100; ++i) {
    samples.features.insert(samples.features.end(), {1.0F, 1.0F});
    samples.modes.push_back(0);
  }
  samples.features.insert(samples.features.end(), {NAN, 1.0F});
  samples.modes.push_back(1);
  const auto spreads = spread_by_mode(samples, reference);
  ASSERT_EQ(spreads.size(), 1U);
  EXPECT_NEAR(spreads[0].value, 0, 1e-12);
  const auto halves = halves_by_mode(samples, reference);
  ASSERT_EQ(halves.size(), 1U);
  EXPECT_EQ(halves[0].value, 0);
}

// Of a cut along a leading direction nothing is left; of one aslant, in coordinates in which the
// mode is round, the angle that the lost half shares with a half along a direction.
TEST(ModeHalves, AreBothThereOrOneIsMissing) {
  const Reference reference = make_reference(normal_modes(1, 5, 20'000, all), 5);
  for (const auto& [half, left] :
       {std::pair(&right_half_of_mode_2, 0.0), std::pair(&slanted_half_of_mode_2, 0.5)}) {
    const auto halves = halves_by_mode(normal_modes(2, 5, 20'000, half), reference);
    ASSERT_EQ(halves.size(), 5U);
    for (const ModeDeficit& each : halves) {
      EXPECT_NEAR(each.value, each.mode == 2 ? left : 1, 0.05) << each.mode;
      EXPECT_NEAR(each.deficit, (1 - each.value) * 100, 1e-6);
    }
  }
}

// Two lumps at a distance, as a mode may be: the spread does not tell that one of them is missing
// where it is wide itself, the halves do.
TEST(ModeHalves, OfAModeThatIsNotNormal) {
  FeatureRows reals{.width = 1, .features = {}, .modes = {}};
  FeatureRows samples = reals;
  Random random({.seed = 4, .purpose = Purpose("lumps")});
  for (int i = 0; i < 4000; ++i) {
    const bool wide = i % 2 == 0;
    const auto x = static_cast<float>(wide ? 5 + 3 * random.normal() : 0.1 * random.normal());
    for (FeatureRows* rows : {&reals, &samples}) {
      if (rows == &samples && !wide) continue;
      rows->features.push_back(x);
      rows->modes.push_back(0);
    }
  }
  const Reference reference = make_reference(reals, 1);
  EXPECT_GT(spread_by_mode(samples, reference)[0].value, 0.7);
  EXPECT_LT(halves_by_mode(samples, reference)[0].value, 0.15);
  EXPECT_GT(halves_by_mode(reals, reference)[0].value, 0.99);
}

// Of values that repeat the halves are as unequal as the reals' own.
TEST(ModeHalves, OfValuesThatRepeat) {
  FeatureRows reals{.width = 1, .features = {}, .modes = {}};
  for (int i = 0; i < 100; ++i) {
    reals.features.push_back(i < 20 ? 0.0F : i < 80 ? 1.0F : 2.0F);
    reals.modes.push_back(0);
  }
  const Reference reference = make_reference(reals, 1);
  EXPECT_NEAR(halves_by_mode(reals, reference)[0].value, 1, 1e-12);
}

TEST(ModeCoverage, IsZeroForAMissingModeWhateverTheSamplesAreTakenFor) {
  const Reference reference = make_reference(normal_modes(1, 5, 2000, all), 5);
  FeatureRows samples = normal_modes(2, 4, 500, all);  // mode 4 is missing
  for (size_t i = 0; i < samples.modes.size(); i += 5) samples.modes[i] = 4;
  // The first 1,000 reals are of mode 0 here: a reference comes in random order.
  EXPECT_EQ(coverage_by_mode(samples, reference).size(), 1U);
  FeatureRows mixed = normal_modes(1, 5, 200, all);
  const auto shares = coverage_by_mode(samples, make_reference(mixed, 5));
  ASSERT_EQ(shares.size(), 5U);
  for (size_t k = 0; k < 4; ++k) EXPECT_GT(shares[k].share, 0.9);
  EXPECT_EQ(shares[4].share, 0);
}

// The expectation of coverage for equal distributions (Naeem et al.): 1 - prod (N - i) / (N+M-i).
TEST(ModeCoverage, OfEqualDistributionsFollowsTheClosedForm) {
  constexpr int64_t kReals = 200, kSamples = 150;
  double sum = 0;
  constexpr int kTurns = 200;
  for (uint64_t turn = 0; turn < kTurns; ++turn) {
    const auto reference = make_reference(normal_modes(10 + 2 * turn, 1, kReals, all), 1);
    sum += coverage_by_mode(normal_modes(11 + 2 * turn, 1, kSamples, all), reference)[0].share;
  }
  double none = 1;
  for (int i = 1; i <= kNearest; ++i)
    none *= static_cast<double>(kReals - i) / static_cast<double>(kReals + kSamples - i);
  EXPECT_NEAR(sum / kTurns, 1 - none, 0.01);
}

// The mean of 300 of 400 rows, against what fresh rows would have about the mean of those 400.
TEST(Comparison, DrawsOfAPoolAreStretchedToTheWidthOfFreshSamplesAboutIt) {
  constexpr int64_t kPool = 400, kCount = 300;
  double square_drawn = 0, square_fresh = 0;
  constexpr int kPools = 200;
  for (uint64_t i = 0; i < kPools; ++i) {
    Random random({.seed = i, .purpose = Purpose("pool")});
    std::vector<double> pool(kPool);
    for (double& value : pool) value = random.normal();
    std::vector<double> draws;
    for (int d = 0; d < 51; ++d) {
      for (size_t k = 0; k < kCount; ++k) std::swap(pool[k], pool[k + random.below(kPool - k)]);
      draws.push_back(std::accumulate(pool.begin(), pool.begin() + kCount, 0.0) / kCount);
    }
    const double center = std::accumulate(pool.begin(), pool.end(), 0.0) / kPool;
    double fresh = 0;
    for (int64_t k = 0; k < kCount; ++k) fresh += random.normal() / kCount;
    for (const double x : as_fresh(draws, kCount, kPool))
      square_drawn += (x - center) * (x - center) / (51 * kPools);
    square_fresh += (fresh - center) * (fresh - center) / kPools;
  }
  EXPECT_NEAR(square_drawn, 1.0 / kCount + 1.0 / kPool, 0.1 / kCount);
  EXPECT_NEAR(square_fresh, 1.0 / kCount + 1.0 / kPool, 0.4 / kCount);
  EXPECT_THROW(as_fresh({1, 2}, 5, 5), Error);
}

TEST(Comparison, ANullDrawIsAFunctionOfSeedAndNumber) {
  const Reference reference = make_reference(normal_modes(1, 3, 300, all), 3);
  const FeatureRows pool = normal_modes(2, 3, 400, all);
  EXPECT_EQ(null_draw(pool, reference, 500, 1, 7), null_draw(pool, reference, 500, 1, 7));
  EXPECT_NE(null_draw(pool, reference, 500, 1, 7), null_draw(pool, reference, 500, 1, 8));
  EXPECT_EQ(null_draw(pool, reference, 500, 1, 7).size(), figures().size());
  EXPECT_THROW(null_draw(pool, reference, 1201, 1, 7), Error);
}

}  // namespace
}  // namespace allmodes::diagnostics
