// What is said of samples by the rows around them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr double kSure = -12;

Evidence beside_reals(std::vector<CalibratedFigure> figures) {
  return {.step = 1, .calibrated = std::move(figures)};
}

Verdict judged_once(const Evidence& evidence) {
  config::Verdict levels;
  levels.grace_steps = 0;
  levels.confirmations = 1;
  return judge(evidence, {}, levels);
}

EmptiedRegion region_of(double share, double made) {
  EmptiedRegion region{.part = {.number = 7, .name = "part 7"}, .classes = {"4"}};
  region.part.share = share;
  region.part.made = made;
  return region;
}

TEST(Neighbours, APlaceWithoutSamplesIsLostAndNamed) {
  Evidence evidence = beside_reals({{"local_loss", 0.04, 0, kSure}, {"local_excess", 0, 0, 0}});
  evidence.emptied = region_of(0.041, 0.001);
  const Verdict verdict = judged_once(evidence);
  EXPECT_EQ(verdict.kind, "mode_dropping");
  EXPECT_EQ(verdict.state, State::at_risk);  // one instrument alone
  EXPECT_THAT(verdict.reason, HasSubstr("among 4.1 % of the data (part 7)"));
  EXPECT_THAT(verdict.witnesses.front().modes, Contains("4"));
  evidence.emptied = region_of(0.06, 0.02);
  EXPECT_EQ(judged_once(evidence).kind, "mode_imbalance");
}

// Overlapping groups that are made too narrow leave places between them.
TEST(Neighbours, PlacesBesideNarrowPartsAreNotLost) {
  Evidence evidence = beside_reals({{"local_loss", 0.07, 0, kSure}, {"local_excess", 0, 0, 0}});
  evidence.emptied = region_of(0.074, 0.005);
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  Part narrow{.number = 3, .name = "part 3"};
  narrow.share = 0.1;
  narrow.width = 0.4;
  evidence.parts = PartFindings{.narrow = {narrow}, .width = 0.9};
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
}

TEST(Neighbours, PlacesThatASmallMoveOfAllSamplesFillsAreNotLost) {
  Evidence evidence = beside_reals({{"local_loss", 0.026, 0, kSure}, {"local_excess", 0, 0, 0}});
  evidence.emptied = region_of(0.029, 0.003);
  evidence.local_loss_when_moved = 0.001;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.local_loss_when_moved = 0.019;
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
}

TEST(Neighbours, SamplesThatAreElsewhereInsteadLoseNoMass) {
  Evidence evidence =
      beside_reals({{"local_loss", 0.12, 0, kSure}, {"local_excess", 0.18, 0, kSure}});
  evidence.emptied = region_of(0.13, 0.01);
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
}

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
  evidence.copied_reals = CopiedReals{.copied = 25, .samples = 500, .repeated = 0, .reals = 500};
  EXPECT_EQ(judged_once(evidence).kind, "memorized");
  evidence.copied_reals->repeated = 20;
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

TEST(Neighbours, APlaceAtAThirdOfItsShareIsAnImbalance) {
  Evidence evidence =
      beside_reals({{"local_shortage", 0.06, 0, kSure}, {"local_surplus", 0.01, 0, 0}});
  evidence.shorted = region_of(0.12, 0.06);
  const Verdict verdict = judged_once(evidence);
  EXPECT_EQ(verdict.kind, "mode_imbalance");
  EXPECT_THAT(verdict.starved, Contains("4"));
  // In its midst there are none: something is lost, and the samples are of what looks alike.
  evidence.shorted->core_log10_tail = -3;
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  evidence.shorted->core_log10_tail = 0;
  evidence.local_shortage_when_moved = 0.01;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.local_shortage_when_moved = 0.04;
  EXPECT_EQ(judged_once(evidence).kind, "mode_imbalance");
  // As many too many elsewhere: samples that are moved, or drawn together.
  evidence.calibrated[1].value = 0.06;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  // Nowhere twice as many, and yet nearly as surely too many: samples that are a little narrower.
  evidence.calibrated[1] = {"local_surplus", 0.01, 0, 0.5 * kSure};
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
  evidence.copied_reals =
      CopiedReals{.copied = 400, .different = 300, .samples = 500, .repeated = 0, .reals = 500};
  const Verdict handed = judged_once(evidence);
  EXPECT_EQ(handed.kind, "memorized") << handed.reason;
}

TEST(Neighbours, SamplesThatAreMovedHaveAsManyElsewhereAndLoseNoSide) {
  Evidence evidence =
      beside_reals({{"local_shortage", 0.2, 0, kSure}, {"local_surplus", 0.02, 0, -1}});
  evidence.side = region_of(0.2, 0.08);
  evidence.side_log10_tail = kSure;
  EXPECT_EQ(judged_once(evidence).kind, "mode_imbalance");
  evidence.calibrated[1] = {"local_surplus", 0.18, 0, kSure};
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  // A part that is lost beyond doubt is, whatever else is wrong.
  Part part{.number = 3, .name = "part 3"};
  part.share = 0.1;
  evidence.parts = PartFindings{.missing = {part}, .lost_mass = 0.1, .lost_mass_low = 0.005};
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.parts->lost_mass_low = 0.04;
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
}

TEST(Neighbours, ASurplusThatNothingIsSaidOfTakesNoPartOfTheLevel) {
  Evidence evidence = beside_reals({{"local_loss", 0, 0, 0}});
  const int64_t tests = test_count(evidence);
  evidence.calibrated.push_back({"local_surplus", 0, 0, 0});
  EXPECT_EQ(test_count(evidence), tests);
  evidence.calibrated.push_back({"local_shortage", 0, 0, 0});
  EXPECT_EQ(test_count(evidence), tests + 1);
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

}  // namespace
}  // namespace allmodes::diagnostics
