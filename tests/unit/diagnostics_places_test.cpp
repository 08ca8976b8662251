// What is said of places of the data with too few samples, or too many.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "diagnostics/verdict/witnesses.h"
#include "unit/neighbour_evidence.h"

namespace allmodes::diagnostics {
namespace {

using fixture::beside_reals;
using fixture::judged_once;
using fixture::kSure;
using fixture::region_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Places, APlaceWithoutSamplesIsLostAndNamed) {
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

TEST(Places, ASmallGroupIsLostWhereItLiesApartFromTheRest) {
  Evidence evidence = beside_reals({{"local_loss", 0.008, 0, kSure}, {"local_excess", 0, 0, 0}});
  evidence.emptied = region_of(0.009, 0.0005);
  evidence.emptied->apart = 0.004;  // the rest of it is the rim of what is made
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.emptied->apart = 0.008;
  EXPECT_EQ(judged_once(evidence).state, State::at_risk);
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  evidence.local_loss_when_moved = 0.001;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
}

// Overlapping groups that are made too narrow leave places between them.
TEST(Places, PlacesBesideNarrowPartsAreNotLost) {
  Evidence evidence = beside_reals({{"local_loss", 0.07, 0, kSure}, {"local_excess", 0, 0, 0}});
  evidence.emptied = region_of(0.074, 0.005);
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  Part narrow{.number = 3, .name = "part 3"};
  narrow.share = 0.1;
  narrow.width = 0.4;
  evidence.parts = PartFindings{.narrow = {narrow}, .width = 0.9};
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
}

TEST(Places, PlacesThatASmallMoveOfAllSamplesFillsAreNotLost) {
  Evidence evidence = beside_reals({{"local_loss", 0.026, 0, kSure}, {"local_excess", 0, 0, 0}});
  evidence.emptied = region_of(0.029, 0.003);
  evidence.local_loss_when_moved = 0.001;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  evidence.local_loss_when_moved = 0.019;
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
}

TEST(Places, SamplesThatAreElsewhereInsteadLoseNoMass) {
  Evidence evidence =
      beside_reals({{"local_loss", 0.12, 0, kSure}, {"local_excess", 0.18, 0, kSure}});
  evidence.emptied = region_of(0.13, 0.01);
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
}

TEST(Places, APlaceAtAThirdOfItsShareIsAnImbalance) {
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

TEST(Places, AGroupThatIsMadeTooOftenIsAnImbalanceAndNoNarrowPart) {
  Evidence evidence = beside_reals({{"local_surplus", 0.12, 0, kSure},
                                    {"local_shortage", 0.01, 0, -3},
                                    {"precision", 0.9, 0.91, -1}});
  evidence.crowded = region_of(0.15, 0.3);
  evidence.crowded->classes.clear();
  Part several{.number = 3, .name = "part 3"};  // the group, and others from which it lies apart
  several.share = 0.5;
  several.width = 0.3;
  evidence.parts = PartFindings{.narrow = {several}, .width = 0.96};
  const Verdict verdict = judged_once(evidence);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "mode_imbalance");
  EXPECT_THAT(verdict.reason,
              HasSubstr("where 15.0 % of the data lie (part 7) there are too many"));
  ASSERT_EQ(verdict.witnesses.size(), 1U);
  EXPECT_THAT(verdict.crowded, ElementsAre("part 7"));
  EXPECT_THAT(verdict.starved, IsEmpty());
  // What is drawn together is too little elsewhere, or narrow, or lies off the data.
  evidence.calibrated[1].value = 0.05;
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  evidence.calibrated[1].value = 0.01;
  evidence.parts->width = 0.7;
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  evidence.parts->width = 0.96;
  evidence.calibrated[2].value = 0.8;
  EXPECT_NE(judged_once(evidence).kind, "mode_imbalance");
}

TEST(Places, AClassThatIsMadeTooOftenIsAnImbalanceWhereAllElseIsAsItShouldBe) {
  Evidence evidence = beside_reals({{"on_data", 0.9, 0.91, -1}});
  ModeHistogram classes{.names = {"a", "b", "c", "d", "e", "f", "g", "h"},
                        .expected_share = std::vector<double>(8, 0.125),
                        .observed = {250, 107, 107, 107, 107, 107, 107, 108},
                        .samples = 1000};
  evidence.modes = classes;
  evidence.mode_noun = "classes";
  const Verdict verdict = judged_once(evidence);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "mode_imbalance");
  EXPECT_THAT(verdict.reason, HasSubstr("1 of 8 classes made too often (a): 250 for 125 of 1000"));
  EXPECT_THAT(verdict.crowded, ElementsAre("a"));
  EXPECT_THAT(verdict.starved, IsEmpty());
  // Samples off the data are taken for other classes than they were meant for.
  evidence.calibrated[0].value = 0.8;
  EXPECT_THAT(judged_once(evidence).crowded, IsEmpty());
  // What one class lacks the others have.
  evidence.calibrated[0].value = 0.9;
  evidence.modes->observed = {250, 5, 150, 145, 130, 110, 110, 100};
  const Verdict missing = judged_once(evidence);
  EXPECT_EQ(missing.kind, "mode_dropping");
  EXPECT_THAT(missing.crowded, IsEmpty());
  // Proportions that are wrong all over have one divergence, and a level of their own.
  evidence.modes->observed = {250, 190, 150, 110, 90, 80, 70, 60};
  EXPECT_THAT(judged_once(evidence).crowded, IsEmpty());
}

TEST(Places, SamplesThatAreMovedHaveAsManyElsewhereAndLoseNoSide) {
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

TEST(Places, AnExcessThatNothingIsSaidOfTakesNoPartOfTheLevel) {
  Evidence evidence = beside_reals({{"local_loss", 0, 0, 0}});
  const int64_t tests = test_count(evidence);
  evidence.calibrated.push_back({"local_excess", 0, 0, 0});
  EXPECT_EQ(test_count(evidence), tests);
  evidence.calibrated.push_back({"local_surplus", 0, 0, 0});
  EXPECT_EQ(test_count(evidence), tests + 1);
}

// The outer one of two circles: the inner one is narrower than both, and where it was.
TEST(Places, HalfOfTheDataIsLostThoughWhatIsLeftIsNarrow) {
  Part whole{.number = 3, .name = "part 3"};
  whole.share = 1;
  whole.width = 0.25;
  Evidence evidence = beside_reals(
      {{"local_loss", 0.5, 0, kSure}, {"local_surplus", 0.03, 0, -0.1}, {"recall", 0.5, 1, kSure}});
  evidence.emptied = region_of(0.5, 0);
  evidence.parts = PartFindings{.narrow = {whole}, .width = 0.25};
  const Verdict lost = judged_once(evidence);
  EXPECT_EQ(lost.kind, "mode_dropping");
  EXPECT_EQ(lost.state, State::collapsed);
  EXPECT_THAT(lost.lost, Contains("part 7"));
  // What is narrow, too, reaches less of the rest.
  evidence.calibrated[2].value = 0.3;
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  evidence.calibrated[2].value = 0.5;
  // Drawn together, they are too many in the middle.
  evidence.calibrated[1] = {"local_surplus", 0.17, 0, kSure};
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
}

// A law with a sharp peak, with noise on it: fewer samples at the peak, and nowhere too many.
TEST(Places, APeakThatNoiseSpreadsOutIsNotLost) {
  Evidence evidence = beside_reals({{"local_loss", 0.07, 0, kSure},
                                    {"local_shortage", 0.11, 0, kSure},
                                    {"local_surplus", 0.013, 0, -1.1},
                                    {"precision", 0.87, 0.93, -6},
                                    {"recall", 0.97, 0.93, 0},
                                    {"density", 0.76, 1, -7}});
  evidence.emptied = region_of(0.106, 0.037);
  evidence.parts = PartFindings{.width = 1.55};
  EXPECT_EQ(judged_once(evidence).kind, "unformed");
  evidence.parts->width = 1;
  EXPECT_EQ(judged_once(evidence).kind, "mode_imbalance");
}

TEST(Places, AModeThatIsGoneIsLostThoughTheOthersAreNarrowAndRimsAreNot) {
  Evidence evidence = beside_reals({{"on_data", 0.9, 0.91, -1}});
  const auto part_of = [](int64_t number, double share, double made_high) {
    Part part{.number = number, .name = "part " + std::to_string(number)};
    part.share = share;
    part.made_high = made_high;
    return part;
  };
  Part narrow = part_of(1, 0.4, 0.4);
  narrow.made = 0.4;
  narrow.width = 0.3;
  evidence.parts = PartFindings{.missing = {part_of(2, 0.125, 0.01)},
                                .narrow = {narrow},
                                .lost_mass = 0.125,
                                .lost_mass_low = 0.1,
                                .width = 0.6};
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  evidence.parts->missing = {part_of(2, 0.05, 0.01), part_of(3, 0.04, 0.01),
                             part_of(4, 0.035, 0.01)};
  const Verdict rims = judged_once(evidence);
  EXPECT_EQ(rims.kind, "within_mode_collapse");
  EXPECT_THAT(rims.lost, IsEmpty());
}

TEST(Places, PartsThatAllSamplesHaveLeftByAMoveAreNotLost) {
  Part part{.number = 3, .name = "part 3"};
  part.share = 0.3;
  Evidence evidence =
      beside_reals({{"local_loss", 0.3, 0, kSure}, {"local_shortage", 0.4, 0, kSure}});
  evidence.parts = PartFindings{.missing = {part}, .lost_mass = 0.3, .lost_mass_low = 0.2};
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
  evidence.local_loss_when_moved = 0.001;
  evidence.local_shortage_when_moved = 0.01;
  EXPECT_EQ(judged_once(evidence).state, State::healthy);
  // A loss that parts alone show is none that a move explains.
  evidence.calibrated[0].value = evidence.calibrated[1].value = 0.01;
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
}

TEST(Places, PlacesBetweenFewThingsAreNoLostMass) {
  Part thin{.number = 3, .name = "part 3"};
  thin.share = 0.08;
  thin.made = 0.08;
  thin.reached = 0.5;
  Evidence evidence = beside_reals({{"local_loss", 0.03, 0, kSure}});
  evidence.parts = PartFindings{.narrow = {thin}};
  evidence.emptied = region_of(0.03, 0);
  evidence.emptied->in_thin = 0.9;
  EXPECT_EQ(judged_once(evidence).kind, "within_mode_collapse");
  EXPECT_EQ(judged_once(evidence).witnesses.size(), 1U);
  evidence.emptied->in_thin = 0.3;  // most of it lies elsewhere
  EXPECT_EQ(judged_once(evidence).kind, "mode_dropping");
}

}  // namespace
}  // namespace allmodes::diagnostics
