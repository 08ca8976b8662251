// What is said of samples by the rows around them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnostics/verdict/witnesses.h"
#include "unit/neighbour_evidence.h"

namespace allmodes::diagnostics {
namespace {

using fixture::beside_reals;
using fixture::judged_once;
using fixture::kSure;
using fixture::region_of;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Neighbours, BlurAndNoiseAreUnformedAlsoWhereTheSamplesAreNarrow) {
  for (const double detail : {0.1, 4.0}) {
    Evidence evidence = beside_reals({{"recall", 0.1, 0.8, kSure}, {"detail", detail, 1, kSure}});
    evidence.parts = PartFindings{.width = 0.5};
    const Verdict verdict = judged_once(evidence);
    EXPECT_EQ(verdict.kind, "unformed") << detail;
    EXPECT_EQ(verdict.state, State::at_risk);
  }
  Evidence sharp = beside_reals({{"recall", 0.1, 0.8, kSure}, {"detail", 0.9, 1, kSure}});
  sharp.parts = PartFindings{.width = 0.5};
  EXPECT_EQ(judged_once(sharp).kind, "within_mode_collapse");
}

TEST(Neighbours, ManyCopiesOfOneThingAreDuplicatesAndOfSomeNarrow) {
  Evidence evidence = beside_reals({{"near_fakes", 0.1, 0, kSure}});
  evidence.repeated = RepeatedThings{.things = 1.2};
  EXPECT_EQ(judged_once(evidence).kind, "duplicates");
  evidence.repeated = RepeatedThings{.things = 19, .classes = {"4"}};
  const Verdict verdict = judged_once(evidence);
  EXPECT_EQ(verdict.kind, "within_mode_collapse");
  EXPECT_THAT(verdict.narrow, Contains("4"));
}

TEST(Neighbours, ExactCopiesOfRealsAreMemorizedUnlessRealsRepeatLikewise) {
  Evidence evidence = beside_reals({});
  evidence.copied_reals =
      CopiedReals{.copied = 25, .samples = 500, .repeated = 0, .reals = 500, .log10_tail = kSure};
  EXPECT_EQ(judged_once(evidence).kind, "memorized");
  evidence.copied_reals->log10_tail = -1;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.copied_reals->log10_tail = kSure;
  evidence.copied_reals->repeated = 24;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
}

TEST(Neighbours, SamplesInTightClumpsAreFewThingsUnlessTheDataHaveThem) {
  Evidence evidence = beside_reals({{"precision", 0.5, 0.9, kSure}, {"recall", 0, 0.9, kSure}});
  evidence.clumped =
      ClumpedSamples{.share = 1, .of_reals = 0.01, .things = 19, .log10_tail = kSure};
  Verdict verdict = judged_once(evidence);
  EXPECT_EQ(verdict.kind, "within_mode_collapse");  // before what lies off the data
  EXPECT_EQ(verdict.state, State::collapsed);
  evidence.clumped->things = 1;  // of a heavy tail
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
  evidence.clumped->things = 2;
  evidence.clumped->share = 0.3;
  EXPECT_EQ(judged_once(evidence).kind, "duplicates");
  evidence.clumped->of_reals = 0.2;
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
}

TEST(Neighbours, RealsThatLieAsCloseTogetherAreNoCopiesOfFewThings) {
  Evidence evidence = beside_reals({{"near_fakes", 0.1, 0, kSure}});
  evidence.repeated = RepeatedThings{.things = 1.2, .of_reals = 0.09};
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
}

TEST(Neighbours, SamplesFarNearerToEachOtherThanToDataAreFewThings) {
  Evidence evidence = beside_reals({{"near_fakes", 0.01, 0, -1}, {"near_own", 0.08, 0, kSure}});
  evidence.repeated = RepeatedThings{.things = 18};
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  evidence.repeated->things = 1.5;
  EXPECT_EQ(judged_once(evidence).kind, "duplicates");
  evidence.calibrated[1].value = 0.03;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  // Rows of the data, some of them twice.
  evidence.calibrated[1].value = 0.08;
  evidence.copied_reals = CopiedReals{
      .copied = 400, .different = 300, .samples = 500, .reals = 500, .log10_tail = kSure};
  const Verdict handed = judged_once(evidence);
  EXPECT_EQ(handed.kind, "memorized") << handed.reason;
}

TEST(Neighbours, AThirdOfTheSamplesThatIsNoiseIsUnformed) {
  EXPECT_EQ(judged_once(beside_reals({{"precision", 0.6, 0.73, kSure}})).kind, "unformed");
  EXPECT_EQ(judged_once(beside_reals({{"precision", 0.7, 0.73, kSure}})).state, State::healthy);
  EXPECT_EQ(judged_once(beside_reals({{"rougher", 0.3, 0.01, kSure}})).kind, "unformed");
}

TEST(Neighbours, PicturesThatAreDrawnToTheirMeanAreNarrowThoughFaint) {
  Part whole{.number = 3, .name = "part 3"};
  whole.share = 1;
  whole.width = 0.3;
  Evidence evidence = beside_reals({{"detail", 0.39, 1, kSure}, {"recall", 0, 0.9, kSure}});
  evidence.parts = PartFindings{.narrow = {whole}, .width = 0.3};
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  // Not those that are noise, which may leave places that reals are in, too.
  evidence.calibrated[0].value = 100;
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
  evidence.calibrated[0].value = 0.39;
  // And what lies beyond a plane is short for that.
  evidence.side = region_of(0.3, 0.06);
  evidence.side_log10_tail = kSure;
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
}

TEST(Neighbours, NoiseGoesBeforeTheRealsThatItDoesNotReach) {
  Part unreached{.number = 3, .name = "part 3"};
  unreached.share = 0.03;
  unreached.reached = 0.4;
  Evidence evidence = beside_reals({{"rougher", 0.7, 0.01, kSure}});
  evidence.parts = PartFindings{.narrow = {unreached}};
  evidence.side = region_of(0.2, 0.08);
  evidence.side_log10_tail = kSure;
  const Verdict noisy = judged_once(evidence);
  EXPECT_EQ(noisy.kind, "unformed");
  EXPECT_EQ(noisy.witnesses.size(), 1U) << noisy.reason;
}

TEST(Neighbours, DetailOfTwoThirdsIsSaidButJudgesNothingElse) {
  for (const double detail : {0.6, 1.6}) {
    const Evidence evidence = beside_reals({{"detail", detail, 1, kSure}});
    EXPECT_EQ(judged_once(evidence).kind, "unformed");
    EXPECT_FALSE(other_detail(evidence));
    EXPECT_EQ(is_noisy(evidence), detail > 1);
  }
  EXPECT_EQ(judged_once(beside_reals({{"detail", 0.7, 1, kSure}})).state, State::healthy);
  EXPECT_EQ(judged_once(beside_reals({{"detail", 0.6, 1, -2}})).state, State::healthy);
}

TEST(Neighbours, WhatReachesLessOfTheDataIsSaidWhereNothingElseIs) {
  Evidence evidence = beside_reals({{"precision", 0.93, 0.92, 0}, {"recall", 0.77, 0.92, kSure}});
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  EXPECT_EQ(judged_once(evidence).state, State::at_risk);
  evidence.calibrated[0].value = 0.88;  // not off the data enough to be told, and beside it
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
  evidence.calibrated[0].value = 0.93;
  evidence.calibrated.push_back({"detail", 0.8, 1, -2});
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
  evidence.calibrated[1].value = 0.85;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  // In many dimensions samples that are a little narrower reach much less.
  evidence.calibrated[1] = {"recall", 0.5, 0.92, kSure};
  evidence.calibrated.push_back({"spread_ratio", 0.95, 1, kSure});
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.calibrated[1] = {"recall", 0.77, 0.92, -2};
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
}

TEST(Neighbours, SamplesThatAreMovedOrSpreadOutAsAWholeAreUnformed) {
  const auto kind_of = [](const char* name, double value, double log10_tail = kSure) {
    return judged_once(beside_reals({{name, value, 0, log10_tail}})).kind;
  };
  EXPECT_EQ(kind_of("mean_shift", 0.2), "unformed");
  EXPECT_EQ(kind_of("spread_ratio", 1.2), "unformed");
  EXPECT_EQ(kind_of("spread_ratio", 0.8), "within_mode_collapse");
  EXPECT_EQ(judged_once(beside_reals({{"mean_shift", 0.1, 0, kSure}})).state, State::healthy);
  EXPECT_EQ(judged_once(beside_reals({{"mean_shift", 0.3, 0, -2}})).state, State::healthy);
  EXPECT_EQ(judged_once(beside_reals({{"spread_ratio", 0.9, 1, kSure}})).state, State::healthy);
  // What is lost moves the mean, too.
  Evidence evidence = beside_reals({{"mean_shift", 0.3, 0, kSure}});
  evidence.side = region_of(0.3, 0.01);
  evidence.side_log10_tail = kSure;
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  EXPECT_EQ(judged_once(evidence).witnesses.size(), 1U);
}

TEST(Neighbours, NarrowPicturesThatLieWhereNoDataIsAreUnformed) {
  Evidence evidence = beside_reals(
      {{"recall", 0.1, 0.84, kSure}, {"detail", 1.2, 1, kSure}, {"invented", 0.07, 0, -2}});
  evidence.parts = PartFindings{.width = 0.6};
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  evidence.calibrated[2].log10_tail = kSure;
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
}

TEST(Neighbours, SamplesThatAreSpreadOutAreUnformedAndLoseNoDensePlace) {
  Evidence evidence = beside_reals({{"local_loss", 0.025, 0, kSure}, {"density", 0.8, 1, kSure}});
  evidence.emptied = region_of(0.035, 0.01);
  evidence.parts = PartFindings{.width = 1};
  EXPECT_EQ(judged_once(evidence).kind, "mode_imbalance");
  evidence.parts->width = 1.3;
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
  EXPECT_THAT(judged_once(evidence).reason, HasSubstr("density 0.800, of real samples 1.000"));
  // A few parts that seem wide by chance are no noise.
  evidence.calibrated[1].value = 0.98;
  EXPECT_EQ(judged_once(evidence).kind, "mode_imbalance");
}

ModeHistogram histogram_with(std::vector<int64_t> observed) {
  return {.names = {"0", "1", "2"},
          .expected_share = {0.4, 0.3, 0.3},
          .observed = std::move(observed),
          .samples = 500};
}

TEST(Neighbours, ClassesOfNarrowSamplesAreToldWithTheWidthOfTheData) {
  Part whole{.number = 3, .name = "part 3"};
  whole.share = 1;
  whole.width = 0.2;
  Evidence evidence{.step = 1, .modes = histogram_with({500, 0, 0})};
  evidence.parts = PartFindings{.narrow = {whole}, .width = 0.2};
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  evidence.modes_when_moved = histogram_with({201, 152, 147});
  const Verdict narrow = judged_once(evidence);
  EXPECT_EQ(narrow.kind, "within_mode_collapse") << narrow.reason;
  EXPECT_TRUE(narrow.missing.empty());
  // One that stays lost is.
  evidence.modes_when_moved = histogram_with({300, 200, 0});
  const Verdict lost = judged_once(evidence);
  EXPECT_THAT(lost.reason, HasSubstr("missing: 2 (0 of 150)"));
  ASSERT_EQ(lost.missing.size(), 1U);
  EXPECT_EQ(lost.missing.front().name, "2");
  // Samples that are as wide as the data are what they are.
  evidence.parts = PartFindings{};
  EXPECT_EQ(judged_once(evidence).missing.size(), 2U);
}

}  // namespace
}  // namespace allmodes::diagnostics
