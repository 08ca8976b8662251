// A collapse needs two instruments and several evaluations; what moves towards one is a risk.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {
namespace {

const config::Verdict kLevels;

// Of a single evaluation, which nothing could confirm.
const config::Verdict kOnce = [] {
  config::Verdict levels;
  levels.confirmations = 1;
  return levels;
}();

// Two of ten classes are gone.
Evidence two_lost() {
  ModeHistogram modes;
  for (int k = 0; k < 10; ++k) {
    modes.names.push_back(fmt::format("{}", k));
    modes.expected_share.push_back(0.1);
    modes.observed.push_back(k == 3 || k == 7 ? 0 : 250);
  }
  modes.samples = 2000;
  return {.step = 4000, .modes = modes, .mode_noun = "classes"};
}

void cover(Evidence& evidence, double of_lost) {
  evidence.calibrated = {{"lowest_coverage", of_lost, 0.97, -9}};
  evidence.expected_coverage = 0.97;
  for (int k = 0; k < 10; ++k) {
    const bool lost = k == 3 || k == 7;
    evidence.coverage_by_mode.push_back(
        {fmt::format("{}", k), lost ? of_lost : 0.98, 0.1, lost ? -9.0 : 0.0});
  }
}

PastEvaluation past(uint64_t step, State found) {
  return {.step = step, .values = {{"found", static_cast<double>(found)}}};
}

TEST(Confirmation, OneInstrumentAloneIsARiskAndTwoAreACollapse) {
  Evidence evidence = two_lost();
  const Verdict alone = judge(evidence, {}, kOnce);
  EXPECT_EQ(alone.state, State::at_risk);
  EXPECT_EQ(alone.kind, "mode_dropping");
  EXPECT_NE(alone.reason.find("p < 1e-90 (one witness alone)"), std::string::npos) << alone.reason;
  cover(evidence, 0.02);
  const Verdict both = judge(evidence, {}, kOnce);
  EXPECT_EQ(both.state, State::collapsed);
  EXPECT_NE(both.reason.find("also mode_dropping, share of the reals that the samples reach: "
                             "3 0.02, 7 0.02; real samples at least 0.97; p < 1e-8"),
            std::string::npos)
      << both.reason;
  config::Verdict three = kOnce;
  three.witnesses = 3;
  EXPECT_EQ(judge(evidence, {}, three).state, State::at_risk);
}

// Dropping and imbalance are two readings of one histogram.
TEST(Confirmation, TwoFiguresOfOneInstrumentAreOneWitness) {
  const Verdict verdict = judge(two_lost(), {}, kOnce);
  ASSERT_GE(verdict.witnesses.size(), 2U);
  EXPECT_EQ(verdict.witnesses[1].kind, "mode_imbalance");
  EXPECT_EQ(verdict.state, State::at_risk);
}

TEST(Confirmation, AnInstrumentThatSeesSomethingElseDoesNotBearOut) {
  Evidence evidence = two_lost();
  evidence.latent_dimensions = 4;
  evidence.aggregate_kl = 100;
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::at_risk);
}

TEST(Confirmation, WhatIsNotANumberNeedsNoSecondWitness) {
  EXPECT_EQ(judge({.step = 10, .kl_total = NAN}, {}, kOnce).state, State::collapsed);
}

TEST(Confirmation, AnEncoderThatSaysNothingAndADecoderThatMakesTheMeanBearEachOtherOut) {
  Evidence evidence{.step = 10, .r2_mean = 0.5, .kl_total = 0.001};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::at_risk);
  evidence.r2_mean = 0.01;
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::collapsed);
}

TEST(Hysteresis, ACollapseIsSaidWhenTwoOfTheLastThreeEvaluationsFoundIt) {
  Evidence evidence = two_lost();
  cover(evidence, 0);
  const auto healthy = past(1000, State::healthy);
  const auto collapsed = past(2000, State::collapsed);
  const Verdict first = judge(evidence, {healthy, healthy}, kLevels);
  EXPECT_EQ(first.state, State::at_risk);
  EXPECT_EQ(first.found, State::collapsed);
  EXPECT_NE(first.reason.find("; to be confirmed: in 1 of the last 3 evaluations, 2 needed"),
            std::string::npos);
  EXPECT_EQ(judge(evidence, {collapsed, healthy}, kLevels).state, State::collapsed);
  EXPECT_EQ(judge(evidence, {healthy, collapsed}, kLevels).state, State::collapsed);
  EXPECT_EQ(judge(evidence, {collapsed, healthy, healthy}, kLevels).state, State::at_risk);
  // The first evaluation does not confirm itself.
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::at_risk);
  EXPECT_EQ(judge(evidence, {healthy}, kLevels).state, State::at_risk);
}

TEST(Hysteresis, AfterACollapseTheFirstHealthyEvaluationIsARisk) {
  const Evidence evidence{.step = 4000, .diversity_ratio = 1};
  const auto healthy = past(1000, State::healthy);
  const auto collapsed = past(2000, State::collapsed);
  const Verdict verdict = judge(evidence, {collapsed, collapsed}, kLevels);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "recovering");
  EXPECT_EQ(verdict.found, State::healthy);
  EXPECT_EQ(judge(evidence, {collapsed, collapsed, healthy}, kLevels).state, State::healthy);
  const NamedValues values = summary(evidence, verdict);
  EXPECT_EQ(values.back(), (std::pair<std::string, double>{"found", 0.0}));
}

TEST(Significance, IsSharedAmongTheTestsThatTheEvidenceAdmits) {
  Evidence evidence = two_lost();
  EXPECT_EQ(test_count({.step = 1}), 1);
  EXPECT_EQ(test_count(evidence), 4);
  evidence.aggregate_mmd_log10_tail = -0.1;
  cover(evidence, 0.9);
  EXPECT_EQ(test_count(evidence), 6);
  EXPECT_NEAR(test_level(evidence, kLevels), 1e-3 / 6, 1e-15);
}

TEST(Significance, AnUnlikelyFigureOfSmallEffectIsHealthyAndALargeOneByChanceToo) {
  Evidence evidence{.step = 10, .expected_coverage = 0.9};
  evidence.coverage_by_mode = {{"a", 0.7, 0.5, -12}, {"b", 0.1, 0.5, -2}};
  evidence.spread_by_mode = {{"a", 0.8, 0.5, -12}, {"b", 0.2, 0.5, -2}};
  evidence.calibrated = {{"distance_ratio", 0.8, 1, -12}};
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
}

TEST(WithinModeCollapse, IsNamedWithItsModesAndBornOutByCoverage) {
  Evidence evidence{.step = 10, .expected_coverage = 0.95};
  evidence.spread_by_mode = {{"cat", 0.001, 0.5, -20}, {"dog", 0.9, 0.5, -0.1}};
  const Verdict alone = judge(evidence, {}, kOnce);
  EXPECT_EQ(alone.state, State::at_risk);
  EXPECT_EQ(alone.reason,
            "variance over the data's in the narrowest direction: cat 0.001, below 0.5; p < 1e-19 "
            "(one witness alone)");
  evidence.coverage_by_mode = {{"cat", 0.05, 0.5, -20}, {"dog", 0.9, 0.5, -0.1}};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::collapsed);
  // Half of a mode: narrow, but not nothing.
  evidence.coverage_by_mode.clear();
  evidence.spread_by_mode[0].value = 0.36;
  const Verdict half = judge(evidence, {}, kOnce);
  EXPECT_EQ(half.state, State::at_risk);
  EXPECT_EQ(half.kind, "within_mode_collapse");
  EXPECT_EQ(half.reason.find("alone"), std::string::npos);
  // Half of a mode that is wide all the same.
  evidence.spread_by_mode[0].value = 0.9;
  evidence.halves_by_mode = {{"cat", 0.3, 0.5, -20}, {"dog", 0.1, 0.5, -2}};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::healthy);
  evidence.halves_by_mode[0].value = 0.1;
  const Verdict one_sided = judge(evidence, {}, kOnce);
  EXPECT_EQ(one_sided.state, State::at_risk);
  EXPECT_EQ(one_sided.kind, "within_mode_collapse");
  EXPECT_EQ(one_sided.reason,
            "share of the samples in the emptier half over the data's: cat 0.1, below 0.25; "
            "p < 1e-19");
}

std::vector<PastEvaluation> series(const char* name, double a, double b) {
  return {{.step = 1000, .values = {{name, a}}}, {.step = 2000, .values = {{name, b}}}};
}

TEST(Trend, CoverageSpreadAndR2ThatFallForThreeEvaluationsAreARisk) {
  Evidence evidence{.step = 3000, .coverage = 0.6};
  EXPECT_EQ(judge(evidence, series("coverage", 0.9, 0.7), kLevels).kind, "mode_dropping");
  EXPECT_EQ(judge(evidence, series("coverage", 0.9, 0.7), kLevels).reason,
            "coverage fell from 0.9 to 0.6, for three evaluations");
  EXPECT_EQ(judge(evidence, series("coverage", 0.7, 0.9), kLevels).state, State::healthy);
  EXPECT_EQ(judge(evidence, series("coverage", 0.7, 0.65), kLevels).state, State::healthy);
  EXPECT_EQ(judge({.step = 3000, .r2_mean = 0.4}, series("r2_mean", 0.6, 0.5), kLevels).kind,
            "mean_collapse");
  Evidence spread{.step = 3000, .mode_spread = 0.7};
  EXPECT_EQ(judge(spread, series("mode_spread", 0.95, 0.8), kLevels).kind, "within_mode_collapse");
  // An untrained generator is wider than the data: coming back to 1 is no fall.
  spread.mode_spread = 1.02;
  EXPECT_EQ(judge(spread, series("mode_spread", 9, 3), kLevels).state, State::healthy);
}

TEST(Trend, AFallingKlIsARiskOnlyNearItsMinimum) {
  EXPECT_EQ(judge({.step = 3000, .kl_total = 8}, series("kl_total", 15, 12), kLevels).state,
            State::healthy);
  EXPECT_EQ(judge({.step = 3000, .kl_total = 0.3}, series("kl_total", 15, 2), kLevels).kind,
            "posterior_collapse");
}

TEST(Trend, ADiscriminatorThatIsSureForThreeEvaluationsIsARisk) {
  Evidence evidence{.step = 3000, .discriminator_margin = 0.995};
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  EXPECT_EQ(judge(evidence, series("discriminator_margin", 0.99, 0.97), kLevels).state,
            State::healthy);
  EXPECT_EQ(judge(evidence, series("discriminator_margin", 0.99, 0.985), kLevels).kind,
            "saturation");
}

TEST(Starvation, AModeAtATenthOfItsShareIsARiskAndNamed) {
  Evidence evidence = two_lost();
  evidence.modes->observed = {220, 220, 220, 20, 220, 220, 220, 220, 220, 220};
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.reason, "1 of 10 classes starved (3); expected 200 of 2000, saw 20");
}

// Ups between the downs, and down all the same.
TEST(Trend, AFallWithUpsBetweenIsARiskOverEightEvaluations) {
  std::vector<PastEvaluation> history;
  for (const double value : {0.98, 0.95, 0.955, 0.91, 0.915, 0.87, 0.875})
    history.push_back({.step = 1000, .values = {{"coverage", value}}});
  const Verdict verdict = judge({.step = 9000, .coverage = 0.83}, history, kLevels);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.reason, "coverage fell from 0.98 to 0.83, on the whole over 8");
  for (PastEvaluation& past : history) past.values[0].second = 0.9;
  EXPECT_EQ(judge({.step = 9000, .coverage = 0.83}, history, kLevels).state, State::healthy);
}

// A class that is gone is not borne out by another one that is a little narrow.
TEST(Confirmation, InstrumentsMustAgreeOnAMode) {
  Evidence evidence = two_lost();
  evidence.spread_by_mode = {{"5", 0.45, 0.1, -20}};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::at_risk);
  evidence.spread_by_mode = {{"3", 0.45, 0.1, -20}};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::collapsed);
}

TEST(Confirmation, AFirstEvaluationIsToBeConfirmedButForWhatIsNoNumber) {
  Evidence evidence = two_lost();
  cover(evidence, 0.02);
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::at_risk);
  evidence.nonfinite_samples = 3;
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::collapsed);
}

// Reals that are not reached while every mode has its share: the samples lie beside the data.
TEST(Coverage, AloneSaysNothingOfMass) {
  Evidence evidence = two_lost();
  evidence.modes->observed.assign(10, 200);
  cover(evidence, 0.02);
  const Verdict verdict = judge(evidence, {}, kOnce);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "unformed");
}

TEST(WithinModeCollapse, OnlyTheMassOfModesThatAreThatNarrowCounts) {
  Evidence evidence{.step = 10, .expected_coverage = 0.95};
  evidence.spread_by_mode = {{"cat", 0.01, 0.001, -20}, {"dog", 0.45, 0.1, -20}};
  evidence.coverage_by_mode = {{"cat", 0.05, 0.001, -20}};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::at_risk);
}

TEST(Labels, ThatAreIgnoredAreNamedAndThoseAnEyeCannotTellAreNot) {
  Evidence evidence{.step = 10};
  evidence.labels = LabelFigures{.right = 100, .samples = 1000, .accuracy = 0.9, .chance = 0.1};
  const Verdict ignored = judge(evidence, {}, kOnce);
  EXPECT_EQ(ignored.state, State::at_risk);
  EXPECT_EQ(ignored.kind, "label_ignored");
  evidence.labels->right = 850;
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::healthy);
  evidence.labels = LabelFigures{.right = 100, .samples = 1000, .accuracy = 0.15, .chance = 0.1};
  EXPECT_EQ(judge(evidence, {}, kOnce).state, State::healthy);
}

}  // namespace
}  // namespace allmodes::diagnostics
