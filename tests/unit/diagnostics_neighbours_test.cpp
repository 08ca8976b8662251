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

}  // namespace
}  // namespace allmodes::diagnostics
