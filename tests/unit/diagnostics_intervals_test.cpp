// Intervals of figures, counts drawn anew, shares corrected for a classifier's mistakes, samples
// where no data is, and what they make the verdict say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "diagnostics/modes/comparison.h"
#include "diagnostics/modes/corrected_shares.h"
#include "diagnostics/statistics/interval.h"
#include "diagnostics/statistics/redrawn.h"
#include "diagnostics/verdict/lost_rows.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

Verdict once(const Evidence& evidence) {
  config::Verdict levels;
  levels.grace_steps = 0;
  levels.confirmations = 1;
  return judge(evidence, {}, levels);
}

TEST(Intervals, OfSharesAreThoseOfClopperAndPearson) {
  const Interval none = interval_of_share(0, 100);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 1 - std::pow(0.005, 0.01), 1e-9);  // (1 - p)^100 = 0.005
  EXPECT_EQ(none.method, "Clopper-Pearson");
}

// Of a mean the delete-a-group jackknife's error is that of the groups' means.
TEST(Intervals, TheJackknifeOfAMeanIsTheErrorOfItsGroups) {
  std::vector<double> groups(kJackknifeGroups);
  std::iota(groups.begin(), groups.end(), 0.0);
  const double mean = 4.5;
  std::vector<double> without;
  double squares = 0;
  for (const double group : groups) {
    without.push_back((45 - group) / 9);
    squares += (group - mean) * (group - mean);
  }
  const double error = std::sqrt(squares / (10.0 * 9.0));
  const Interval interval = interval_of_jackknife(mean, without);
  EXPECT_NEAR(interval.high - mean, 3.2498355 * error, 1e-9);
  EXPECT_NEAR(mean - interval.low, 3.2498355 * error, 1e-9);
}

// A figure a + b / n: without a tenth of the rows it is a + b / (0.9 n).
TEST(Intervals, ABiasOfOneOverNIsTakenOut) {
  const std::vector<double> without(kJackknifeGroups, 2 + 30.0 / 900);
  EXPECT_NEAR(without_bias(2 + 30.0 / 1000, without), 2, 1e-12);
}

TEST(Redrawn, KeepsTheTotalAndTheShares) {
  const std::vector<int64_t> counts = {0, 100, 300};
  std::vector<double> sums(3, 0);
  for (uint64_t draw = 0; draw < 200; ++draw) {
    const auto drawn = redrawn(counts, {1, Purpose("test"), draw});
    EXPECT_EQ(std::accumulate(drawn.begin(), drawn.end(), int64_t{0}), 400);
    for (size_t k = 0; k < 3; ++k) sums[k] += static_cast<double>(drawn[k]) / 200;
  }
  EXPECT_EQ(sums[0], 0);
  EXPECT_NEAR(sums[1], 100, 3);  // a deviation of 8.7 / sqrt(200)
}

// Two classes of which one in five is mistaken: counts 320 and 680 are of shares 0.2 and 0.8.
TEST(CorrectedShares, UndoMistakesThatAreKnown) {
  const Confusion confusion = {{800, 200}, {200, 800}};
  const auto shares = corrected_shares(confusion, {320, 680});
  EXPECT_NEAR(shares[0], 0.2, 2e-3);
  EXPECT_NEAR(shares[1], 0.8, 2e-3);
}

// Of class b hardly a sample is made; what is taken for it are mistakes of the two others.
TEST(CorrectedShares, AClassThatOnlyMistakesFillIsMissing) {
  ModeHistogram modes{.names = {"a", "b", "c"},
                      .expected_share = {0.34, 0.33, 0.33},
                      .observed = {470, 60, 470},
                      .samples = 1000,
                      .real_counts = {340, 330, 330}};
  EXPECT_EQ(once({.step = 1, .modes = modes}).kind, "mode_imbalance");
  modes.made_ratio = {1.5, 0.02, 1.5};
  const Verdict verdict = once({.step = 1, .modes = modes});
  EXPECT_EQ(verdict.kind, "mode_dropping");
  EXPECT_THAT(verdict.lost, Contains("b"));
  EXPECT_THAT(verdict.reason, HasSubstr("saw 60 (about 7 are of it)"));
}

TEST(Classes, AreNotAcquittedByAnEyeThatHardlyTellsThemApart) {
  Evidence evidence{.step = 1, .class_accuracy = 0.5};
  evidence.modes = ModeHistogram{.names = {"a", "b"},
                                 .expected_share = {0.5, 0.5},
                                 .observed = {500, 500},
                                 .samples = 1000,
                                 .real_counts = {500, 500}};
  const Verdict verdict = once(evidence);
  EXPECT_EQ(verdict.state, State::healthy);
  EXPECT_THAT(verdict.reason, HasSubstr("too few to say that none is lost"));
  EXPECT_THAT(verdict.reason, ::testing::Not(HasSubstr("covered")));
  evidence.class_accuracy = 0.97;
  EXPECT_THAT(once(evidence).reason, HasSubstr("2 of 2 modes covered"));
}

TEST(Invented, PlacesAreUnformedAndNoLossOfMass) {
  const Verdict verdict = once(
      {.step = 1, .calibrated = {{"precision", 0.93, 0.98, -9}, {"invented", 0.05, 0.001, -9}}});
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "unformed");
  EXPECT_THAT(verdict.reason, HasSubstr("5.0 % of the samples lie where no data is"));
  EXPECT_EQ(once({.step = 1, .calibrated = {{"invented", 0.015, 0.001, -9}}}).state,
            State::healthy);
}

// Few samples, of which fewer lie on the data than should, though that alone may be chance.
TEST(Invented, PlacesAreSaidWhereSamplesOffTheDataAreNot) {
  const auto verdict_of_invented = [](double log10_tail) {
    return once(
        {.step = 1,
         .calibrated = {{"precision", 0.59, 0.75, -3}, {"invented", 0.25, 0.12, log10_tail}}});
  };
  EXPECT_EQ(verdict_of_invented(-5.8).kind, "unformed");
  EXPECT_EQ(verdict_of_invented(-3).state, State::healthy);
  const Verdict both =
      once({.step = 1, .calibrated = {{"precision", 0.2, 0.75, -9}, {"invented", 0.6, 0.12, -9}}});
  EXPECT_EQ(both.witnesses.size(), 1U);
}

TEST(Power, HealthyVerdictsSayWhatTheyWouldHaveFoundAndFewSamplesSayNothing) {
  EXPECT_THAT(once({.step = 1, .smallest_loss = 0.026}).reason,
              HasSubstr("a loss of 2.6 % of the data or more would have been found (99 %"));
  EXPECT_EQ(once({.step = 1, .smallest_loss = 0.09}).state, State::healthy);
  const Verdict few = once({.step = 1, .smallest_loss = 0.33});
  EXPECT_EQ(few.state, State::at_risk);
  EXPECT_EQ(few.kind, "too_few_samples");
}

TEST(LostPlaces, OfNeighboursAloneHaveAName) {
  Evidence evidence{.step = 1,
                    .calibrated = {{"local_loss", 0.04, 0, -12}, {"local_excess", 0, 0, 0}}};
  evidence.emptied = EmptiedRegion{.part = {.number = 17, .name = "part 17"}, .classes = {}};
  evidence.emptied->part.share = 0.041;
  const Verdict verdict = once(evidence);
  EXPECT_EQ(verdict.kind, "mode_dropping");
  EXPECT_THAT(verdict.lost, Contains("part 17"));
  EXPECT_EQ(lost_parts(evidence, verdict).size(), 1U);
}

TEST(LostSides, AreAsMuchOfALossAsTheirShareAndNotWhereSamplesAreNarrow) {
  Evidence evidence{.step = 1, .calibrated = {{"local_loss", 0, 0, 0}}};
  evidence.side = EmptiedRegion{.part = {.name = "a side"}, .classes = {}};
  evidence.side->part.share = 0.4;
  evidence.side->part.made = 0.03;
  evidence.side_log10_tail = -40;
  const Verdict verdict = once(evidence);
  EXPECT_EQ(verdict.kind, "mode_dropping");
  EXPECT_EQ(verdict.state, State::at_risk);  // one instrument
  EXPECT_THAT(verdict.lost, Contains("a side"));
  evidence.side->part.share = 0.2;
  evidence.parts = PartFindings{.width = 0.5};
  EXPECT_NE(once(evidence).kind, "mode_dropping");
}

// Points near a plane that is none of the coordinates', with noise; samples that lie on it.
FeatureRows near_plane(int64_t rows, double noise, uint64_t seed) {
  constexpr size_t kWide = 8;
  std::vector<float> values(static_cast<size_t>(rows) * kWide);
  std::vector<float> plane(2 * kWide);
  std::vector<float> codes(static_cast<size_t>(rows) * 2);
  fill_normal({seed, Purpose("noise")}, 0, rows, kWide, values.data());
  fill_normal({1, Purpose("plane")}, 0, 2, kWide, plane.data());
  fill_normal({seed, Purpose("codes")}, 0, rows, 2, codes.data());
  FeatureRows made{.width = kWide, .features = {}, .modes = std::vector<int64_t>(rows, 0)};
  for (size_t i = 0; i < static_cast<size_t>(rows); ++i)
    for (size_t j = 0; j < kWide; ++j)
      made.features.push_back(codes[2 * i] * plane[j] + codes[2 * i + 1] * plane[kWide + j] +
                              static_cast<float>(noise) * values[i * kWide + j]);
  return made;
}

TEST(NearDuplicates, MeansOfADecoderOnAPlaneAmidNoisyDataAreNone) {
  const Reference reference = make_reference(near_plane(3000, 0.1, 2), 1);
  EXPECT_LT(near_duplicates(near_plane(2000, 0.1, 3), reference), 0.05);
  EXPECT_LT(near_duplicates(near_plane(2000, 0, 4), reference), 0.05);
  // Repeats on that plane are.
  FeatureRows repeated = near_plane(2000, 0, 5);
  for (size_t i = 0; i < 400 * 8; ++i) repeated.features[i] = repeated.features[i % 8];
  EXPECT_GT(near_duplicates(repeated, reference), 0.18);
}

}  // namespace
}  // namespace allmodes::diagnostics
