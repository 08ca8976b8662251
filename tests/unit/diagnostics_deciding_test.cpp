// The finding that decides: what is lost is named beside it, what follows from it is folded away.

#include "diagnostics/verdict/deciding.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <numeric>

namespace allmodes::diagnostics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ModeHistogram classes(std::vector<int64_t> observed) {
  ModeHistogram histogram{.names = {}, .expected_share = {}, .observed = std::move(observed)};
  const size_t modes = histogram.observed.size();
  histogram.expected_share.assign(modes, 1.0 / static_cast<double>(modes));
  for (size_t k = 0; k < modes; ++k) histogram.names.push_back(fmt::format("class {}", k));
  histogram.samples = std::accumulate(histogram.observed.begin(), histogram.observed.end(), 0LL);
  return histogram;
}

std::string first_clause(const Verdict& verdict) {
  return verdict.reason.substr(0, verdict.reason.find("; "));
}

TEST(DecidingFinding, AClassIsNamedAsMissingWhateverDecided) {
  const Evidence evidence{.step = 3000,
                          .modes = classes({276, 21, 275, 276, 275, 276, 275, 276, 275, 275}),
                          .mode_noun = "classes",
                          .high_quality = 0.3};
  const Verdict verdict = judge(evidence, {}, config::Verdict());
  EXPECT_EQ(verdict.kind, "unformed");
  EXPECT_THAT(first_clause(verdict), HasSubstr("missing: class 1 (21 of 250)"));
  // It is one class, which samples off the data do not explain.
  ASSERT_GE(verdict.witnesses.size(), 2U);
  EXPECT_FALSE(verdict.witnesses[1].explained);
}

TEST(DecidingFinding, OfManyLostModesThreeAreNamedAndTheOthersCounted) {
  const Evidence evidence{.step = 3000,
                          .modes = classes({0, 0, 0, 0, 416, 416, 417, 417, 417, 417}),
                          .high_quality = 0.3};
  EXPECT_THAT(first_clause(judge(evidence, {}, config::Verdict())),
              HasSubstr("missing: class 0 (0 of 250), class 1 (0 of 250), class 2 (0 of 250), +1"));
  // Of nearly all of them it is the samples' being nowhere that is to be said.
  const Evidence nowhere{
      .step = 10, .modes = classes({0, 0, 0, 0, 0, 0, 0, 0, 1250, 1250}), .high_quality = 0.03};
  EXPECT_THAT(first_clause(judge(nowhere, {}, config::Verdict())), Not(HasSubstr("missing")));
}

TEST(DecidingFinding, AStarvedClassIsNamedBesideMissingOnes) {
  const Evidence evidence{.step = 3000,
                          .modes = classes({0, 75, 303, 303, 303, 303, 303, 303, 303, 304}),
                          .mode_noun = "classes"};
  const Verdict verdict = judge(evidence, {}, config::Verdict());
  EXPECT_EQ(verdict.kind, "mode_dropping");
  EXPECT_THAT(first_clause(verdict), HasSubstr("starved: class 1 (75 of 250)"));
}

TEST(DecidingFinding, APartOfUnlabelledDataIsNamedWhateverDecided) {
  Evidence evidence{.step = 3000, .high_quality = 0.3};
  evidence.parts = PartFindings{};
  evidence.parts->missing.push_back(
      {.number = 7, .name = "part 7", .share = 0.12, .made = 0.001, .log10_tail = -30});
  evidence.parts->lost_mass = 0.119;
  evidence.parts->lost_mass_low = 0.1;
  const Verdict verdict = judge(evidence, {}, config::Verdict());
  EXPECT_EQ(verdict.kind, "unformed");
  EXPECT_THAT(first_clause(verdict), HasSubstr("missing: part 7 (0.1 of 12.0 %)"));
}

TEST(DecidingFinding, NothingIsSaidTwice) {
  const Evidence evidence{.step = 3000,
                          .modes = classes({278, 0, 278, 278, 278, 278, 278, 278, 277, 277})};
  EXPECT_THAT(first_clause(judge(evidence, {}, config::Verdict())), Not(HasSubstr("missing:")));
}

TEST(DecidingFinding, ASideThatIsThePartThatWasNamedIsThatLoss) {
  Evidence evidence;
  evidence.side = EmptiedRegion{};
  evidence.side->part = {
      .name = "a side of the data, most like part 125", .share = 0.1, .made = 0.005};
  Verdict verdict;
  verdict.witnesses = {
      {State::collapsed, "mode_dropping", "part 125 lost", {"parts"}, false, {"part 125"}},
      {State::at_risk, "mode_dropping", "a side", {"sides"}, false, {evidence.side->part.name}}};
  verdict.lost = {"part 125", evidence.side->part.name};
  mark_explained(verdict.witnesses, evidence);
  EXPECT_TRUE(verdict.witnesses[1].explained);
  EXPECT_EQ(losses_beside(verdict, evidence), "");
}

TEST(DecidingFinding, WhatAYoungRunLacksFollowsFromSamplesThatAreNearlyOne) {
  Evidence evidence{.step = 10,
                    .modes = classes({0, 0, 0, 0, 0, 0, 900, 1600}),
                    .high_quality = 0.0,
                    .diversity_ratio = 0.118};
  evidence.spread_by_mode = {{.name = "class 7", .value = 0.3, .mass = 0.125, .log10_tail = -9}};
  const Verdict verdict = judge(evidence, {}, config::Verdict());
  // State before order: the duplicates are a risk, the lost modes speak for a collapse.
  std::vector<Witness> found = verdict.witnesses;
  const auto cause = std::ranges::find(found, "duplicates", &Witness::kind);
  ASSERT_NE(cause, found.end());
  std::rotate(found.begin(), cause, cause + 1);
  mark_explained(found, evidence);
  ASSERT_GE(found.size(), 3U);
  for (size_t i = 1; i < found.size(); ++i) EXPECT_TRUE(found[i].explained) << found[i].reason;
}

TEST(DecidingFinding, AFewCopiesExplainNoLostMode) {
  std::vector<Witness> found = {
      {State::at_risk, "duplicates", "5 copies", {"copies"}},
      {State::at_risk, "mode_dropping", "class 1 missing", {"histogram"}, false, {"class 1"}}};
  mark_explained(found, {});
  EXPECT_FALSE(found[1].explained);
}

TEST(DecidingFinding, SamplesOffTheDataExplainTheLossOfMostOfItOnly) {
  const Evidence evidence{.modes = classes({0, 0, 0, 500})};
  std::vector<Witness> found = {
      {State::at_risk, "unformed", "off the data", {"quality"}},
      {State::at_risk,
       "mode_dropping",
       "",
       {"histogram"},
       false,
       {"class 0", "class 1", "class 2"}},
      {State::at_risk, "mode_dropping", "", {"parts"}, false, {"class 0"}}};
  mark_explained(found, evidence);
  EXPECT_TRUE(found[1].explained);
  EXPECT_FALSE(found[2].explained);
}

}  // namespace
}  // namespace allmodes::diagnostics
