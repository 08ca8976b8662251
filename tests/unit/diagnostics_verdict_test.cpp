// The verdict: each kind with its sentence, thresholds, grace, history, and its false alarms.

#include "diagnostics/verdict/verdict.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

// What one instrument sees is stated here by itself; that a collapse needs two of them, and several
// evaluations, in diagnostics_confirmation_test.cpp.
const config::Verdict kLevels = [] {
  config::Verdict levels;
  levels.witnesses = 1;
  levels.confirmations = 1;
  return levels;
}();

ModeHistogram histogram_of(std::vector<int64_t> observed) {
  ModeHistogram histogram{.names = {}, .expected_share = {}, .observed = std::move(observed)};
  const size_t modes = histogram.observed.size();
  histogram.expected_share.assign(modes, 1.0 / static_cast<double>(modes));
  for (size_t k = 0; k < modes; ++k) histogram.names.push_back(fmt::format("{}", k));
  histogram.samples = std::accumulate(histogram.observed.begin(), histogram.observed.end(), 0LL);
  return histogram;
}

Evidence with_modes(std::vector<int64_t> observed) {
  return {.step = 3000, .modes = histogram_of(std::move(observed))};
}

Evidence healthy_vae() {
  return {.step = 3000,
          .r2_mean = 0.612,
          .variance_ratio = 0.6,
          .kl_total = 14.25,
          .aggregate_kl = 0.8,
          .decoder_sensitivity = 0.4,
          .active_units = 12,
          .latent_dimensions = 16};
}

TEST(Verdict, HealthyMixtureSaysWhatItCovers) {
  Evidence evidence = with_modes({312, 313, 312, 313, 312, 313, 312, 313});
  evidence.high_quality = 0.979;
  evidence.diversity_ratio = 0.998;
  EXPECT_EQ(to_line(judge(evidence, {}, kLevels), 3000),
            "verdict at step 3000: healthy: 8 of 8 modes covered, reverse KL 1.28e-06 nats (a "
            "perfect sampler has 0.0014), 97.9 % high quality, diversity 0.998 of the data's");
  EXPECT_EQ(judge(evidence, {}, kLevels).kind, "none");
}

TEST(Verdict, HealthyVaeSaysWhatItUses) {
  EXPECT_EQ(to_line(judge(healthy_vae(), {}, kLevels), 3000),
            "verdict at step 3000: healthy: R2 0.612, KL 14.2 nats, 12 of 16 units active");
  EXPECT_EQ(judge({.step = 5}, {}, kLevels).reason, "nothing was measured");
}

TEST(Verdict, MissingClassesAreNamedWithTheirNumbers) {
  Evidence evidence = with_modes({357, 358, 0, 357, 357, 0, 357, 356, 1, 357});
  evidence.mode_noun = "classes";
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.state, State::collapsed);
  EXPECT_EQ(verdict.kind, "mode_dropping");
  EXPECT_EQ(verdict.missing.size(), 3U);
  EXPECT_EQ(to_line(verdict, 3000),
            "verdict at step 3000: collapsed: mode_dropping, 3 of 10 classes missing (2, 5, 8); "
            "expected 250 each of 2500, saw 0, 0, 1; p < 1e-110; also mode_imbalance, reverse KL "
            "0.354 nats over 10 classes, a perfect sampler has 0.0018");
}

TEST(Verdict, ALongListOfMissingModesIsCutShort) {
  std::vector<int64_t> observed(100);
  observed[0] = 5000;
  const Verdict verdict = judge(with_modes(observed), {}, kLevels);
  EXPECT_EQ(verdict.missing.size(), 99U);
  EXPECT_NE(verdict.reason.find("(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ... and 87 more)"),
            std::string::npos)
      << verdict.reason;
}

TEST(Verdict, ARareModeLostIsARiskAndNamed) {
  ModeHistogram modes = histogram_of({4990, 5010, 0});
  modes.expected_share = {0.4975, 0.4975, 0.005};
  modes.names[2] = "rare";
  const Verdict verdict = judge({.step = 10, .modes = modes}, {}, kLevels);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.reason, "1 of 3 modes missing (rare); expected 50 of 10000, saw 0; p < 1e-21");
}

TEST(Verdict, ManyUnseenModesAreDroppedThoughNoneAloneIsSignificant) {
  std::vector<int64_t> observed(1000);
  for (size_t k = 0; k < 500; ++k) observed[k] = 5;
  const Verdict verdict = judge(with_modes(observed), {}, kLevels);
  EXPECT_TRUE(verdict.missing.empty());
  EXPECT_EQ(verdict.state, State::collapsed);
  EXPECT_EQ(verdict.reason.substr(0, verdict.reason.find("; also")),
            "500 of 1000 modes unseen in 2500 samples, expected 82.0; they hold 41.8 % of the data "
            "more than chance leaves out; p < 1e-211");
}

TEST(Verdict, ImbalanceIsHealthyWhenSmallARiskWhenLargeACollapseWhenVeryLarge) {
  const Verdict small = judge(with_modes({400, 350, 300, 300, 300, 300, 300, 250}), {}, kLevels);
  EXPECT_EQ(small.state, State::healthy);
  const Verdict large = judge(with_modes({700, 550, 350, 250, 200, 150, 150, 150}), {}, kLevels);
  EXPECT_EQ(large.state, State::at_risk);
  EXPECT_EQ(large.kind, "mode_imbalance");
  const Verdict huge = judge(with_modes({1600, 600, 50, 50, 50, 50, 50, 50}), {}, kLevels);
  EXPECT_EQ(huge.state, State::collapsed);
  EXPECT_EQ(to_line(huge, 7),
            "verdict at step 7: collapsed: mode_imbalance, reverse KL 0.982 nats over 8 modes, a "
            "perfect sampler has 0.0014, and crowded: 0 (1600 of 312), 1 (600 of 312); also "
            "mode_imbalance, 2 of 8 modes made too often (0, 1): 1600 for 312.5, 600 for 312.5 of "
            "2500; p < 1e-788");
}

TEST(Verdict, ImbalanceOfFewSamplesIsNotSignificant) {
  // Excess 0.19 nats, with which 10 samples say nothing.
  EXPECT_EQ(judge(with_modes({5, 2, 2, 1}), {}, kLevels).state, State::healthy);
}

TEST(Verdict, GrowingImbalanceIsARiskBeforeItIsLarge) {
  const Evidence evidence = with_modes({600, 500, 350, 300, 250, 200, 150, 150});
  const double excess = summary(evidence)[0].second;
  ASSERT_GT(excess, 0.5 * kLevels.imbalance_kl);
  ASSERT_LT(excess, kLevels.imbalance_kl);
  const auto past = [](double a, double b) {
    return std::vector<PastEvaluation>{{.step = 1000, .values = {{"kl_excess", a}}},
                                       {.step = 2000, .values = {{"kl_excess", b}}}};
  };
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  EXPECT_EQ(judge(evidence, past(0.05, 0.02), kLevels).state, State::healthy);
  const Verdict growing = judge(evidence, past(0.01, 0.04), kLevels);
  EXPECT_EQ(growing.state, State::at_risk);
  EXPECT_NE(growing.reason.find("growing for three evaluations"), std::string::npos);
}

TEST(Verdict, UnformedSamplesAreARiskAndTheirModesAreNotJudged) {
  Evidence evidence = with_modes({2500, 0, 0, 0, 0, 0, 0, 0});
  evidence.high_quality = 0.031;
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "unformed");
  EXPECT_EQ(verdict.reason.substr(0, verdict.reason.find(';')),
            "3.1 % of the samples lie on a mode, below 50 %");
  EXPECT_NE(verdict.reason.find("also mode_dropping, 7 of 8 modes missing"), std::string::npos);
}

TEST(Verdict, ALossThatScatterCannotExplainGoesBeforeIt) {
  // Three quarters are missing, and an eighth of the samples lies off the data.
  Evidence evidence = with_modes({1250, 1250, 0, 0, 0, 0, 0, 0});
  evidence.high_quality = 0.87;
  evidence.calibrated = {{"precision", 0.87, 0.99, -10}};
  const Verdict lost = judge(evidence, {}, kLevels);
  EXPECT_EQ(lost.kind, "mode_dropping");
  EXPECT_NE(lost.reason.find("also unformed, 87.0 % of the samples"), std::string::npos);
  // One mode of eight, and a third off the data: those may have been meant for it.
  evidence = with_modes({357, 357, 357, 357, 357, 357, 358, 0});
  evidence.high_quality = 0.66;
  evidence.calibrated = {{"precision", 0.66, 0.99, -22}};
  const Verdict scattered = judge(evidence, {}, kLevels);
  EXPECT_EQ(scattered.kind, "unformed");
  EXPECT_EQ(scattered.state, State::at_risk);
}

TEST(Verdict, DuplicatesAreACollapseAndFallingDiversityARisk) {
  Evidence evidence{.step = 3000, .diversity_ratio = 0.012};
  EXPECT_EQ(to_line(judge(evidence, {}, kLevels), 3000),
            "verdict at step 3000: collapsed: duplicates, samples are 0.012 times as far apart as "
            "the data");
  evidence.diversity_ratio = 0.1;
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::at_risk);
  evidence.diversity_ratio = 0.4;
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  const std::vector<PastEvaluation> history{{.step = 1000, .values = {{"diversity_ratio", 2.5}}}};
  EXPECT_EQ(judge(evidence, history, kLevels).reason,
            "samples are 0.4 times as far apart as the data, 1 before");
  evidence.diversity_ratio = 0.9;  // less than half of 2.5, which was noise and no diversity
  EXPECT_EQ(judge(evidence, history, kLevels).state, State::healthy);
}

TEST(Verdict, PosteriorCollapseIsNamedBeforeTheMeanCollapseItCauses) {
  Evidence evidence = healthy_vae();
  evidence.kl_total = 0.0012;
  evidence.active_units = 0;
  evidence.r2_mean = 0.001;
  evidence.variance_ratio = 0.0002;
  EXPECT_EQ(to_line(judge(evidence, {}, kLevels), 3000),
            "verdict at step 3000: collapsed: posterior_collapse, KL 0.0012 nats, below 0.05, 0 of "
            "16 units active; also mean_collapse, reconstructions are hardly better than the mean "
            "of the data: R2 0.001, below 0.05, with 0.0002 of its variance");
}

TEST(Verdict, FewActiveUnitsAreNoFault) {
  Evidence evidence = healthy_vae();
  evidence.active_units = 1;
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
}

TEST(Verdict, ADecoderDeafToTheCodeIsAPosteriorCollapse) {
  Evidence evidence = healthy_vae();
  evidence.decoder_sensitivity = 2e-5;
  EXPECT_EQ(judge(evidence, {}, kLevels).kind, "posterior_collapse");
}

TEST(Verdict, MeanCollapseAloneAndItsApproach) {
  Evidence evidence = healthy_vae();
  evidence.r2_mean = 0.02;
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.state, State::collapsed);
  EXPECT_EQ(verdict.kind, "mean_collapse");
  evidence.r2_mean = 0.2;
  const std::vector<PastEvaluation> history{{.step = 1000, .values = {{"r2_mean", 0.6}}}};
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  EXPECT_EQ(to_line(judge(evidence, history, kLevels), 2000),
            "verdict at step 2000: at_risk: mean_collapse, R2 against the mean of the data fell "
            "from 0.6 to 0.2");
}

TEST(Verdict, CodesFarFromThePriorAreARisk) {
  Evidence evidence = healthy_vae();
  evidence.aggregate_kl = 20;
  EXPECT_EQ(
      to_line(judge(evidence, {}, kLevels), 3000),
      "verdict at step 3000: at_risk: aggregate_mismatch, the codes are 20 nats from the prior, "
      "1.25 a dimension; above 1.3");
}

// N(0.8, 1) in each of eight dimensions: 2.6 nats, and most samples of the prior lie beside the
// codes. A tenth of a deviation each is nothing.
TEST(Verdict, CodesThatAreMovedALittleInEveryDimensionAreARisk) {
  Evidence evidence = healthy_vae();
  evidence.latent_dimensions = 8;
  evidence.aggregate_kl = 8 * 0.5 * 0.8 * 0.8;
  EXPECT_EQ(judge(evidence, {}, kLevels).kind, "aggregate_mismatch");
  evidence.aggregate_kl = 8 * 0.5 * 0.1 * 0.1;
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
}

// Of six units that the data's spectrum would keep one is left, and reconstructions with it.
TEST(Verdict, UnitsThatTheDataWouldKeepAndTheEncoderDoesNotAreARisk) {
  Evidence evidence = healthy_vae();
  evidence.linear_units = LinearUnits{.units = 6, .residual = 0.1};
  evidence.active_units = 1;
  evidence.r2_mean = 0.4;
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "posterior_collapse");
  evidence.r2_mean = 0.93;  // a curved encoder, which needs no more
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  evidence.r2_mean = 0.4;
  evidence.linear_units = LinearUnits{.units = 1, .residual = 0.6};  // all that pays
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
}

// Codes far from the prior that are the same for every sample have a large KL and tell nothing.
TEST(Verdict, AKlThatIsAllOffsetIsAPosteriorCollapse) {
  Evidence evidence = healthy_vae();
  evidence.kl_total = 36;
  evidence.information = 0.04;
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.kind, "posterior_collapse");
  EXPECT_EQ(verdict.witnesses.front().measured.what, "nats told by the code");
  evidence.information = 3;
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
}

TEST(Verdict, AnMmdIsARiskWhereItIsBothSignificantAndLarge) {
  Evidence evidence = healthy_vae();
  evidence.aggregate_mmd = 0.6;
  evidence.aggregate_mmd_null_q99 = 0.004;
  evidence.aggregate_discrepancy = 0.15;
  EXPECT_EQ(to_line(judge(evidence, {}, kLevels), 3000),
            "verdict at step 3000: at_risk: aggregate_mismatch, MMD^2 0.6 between codes and prior, "
            "0.15 of their likeness and above 0.1; two samples of the prior have 0.004 at most "
            "(99 %)");
  evidence.aggregate_discrepancy = 0.09;  // certain, but small
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  evidence.aggregate_discrepancy = 0.15;
  evidence.aggregate_mmd_null_q99 = 0.7;  // large, but by chance
  EXPECT_EQ(judge(evidence, {}, kLevels).state, State::healthy);
  evidence.aggregate_mmd = NAN;
  EXPECT_EQ(judge(evidence, {}, kLevels).kind, "divergence");
}

TEST(Verdict, NonFiniteFiguresSamplesAndStepsAreDivergence) {
  Evidence evidence = healthy_vae();
  evidence.kl_total = NAN;
  EXPECT_EQ(to_line(judge(evidence, {}, kLevels), 3000),
            "verdict at step 3000: collapsed: divergence, kl_total is nan");
  Evidence samples = with_modes({0, 0});
  samples.nonfinite_samples = 2500;
  samples.high_quality = 0;
  const Verdict verdict = judge(samples, {}, kLevels);
  EXPECT_EQ(verdict.kind, "divergence");
  EXPECT_EQ(verdict.reason.substr(0, verdict.reason.find(';')), "2500 samples are not finite");
  Evidence steps = healthy_vae();
  steps.steps = 100;
  steps.nonfinite_steps = 3;
  EXPECT_EQ(judge(steps, {}, kLevels).state, State::at_risk);
  EXPECT_EQ(judge(steps, {}, kLevels).reason, "3 steps since the last evaluation were not finite");
  steps.nonfinite_steps = 50;
  EXPECT_EQ(judge(steps, {}, kLevels).state, State::collapsed);
}

TEST(Verdict, NothingWorseThanARiskIsSaidInTheGracePeriod) {
  config::Verdict levels = kLevels;
  Evidence evidence{.step = 0, .diversity_ratio = 0.001};
  EXPECT_EQ(judge(evidence, {}, levels).state, State::at_risk);
  EXPECT_NE(judge(evidence, {}, levels).reason.find("; nothing is trained yet"), std::string::npos);
  levels.grace_steps = 500;
  evidence.step = 500;
  EXPECT_EQ(to_line(judge(evidence, {}, levels), 500),
            "verdict at step 500: at_risk: duplicates, samples are 0.001 times as far apart as the "
            "data; in the grace period until step 500");
  evidence.step = 501;
  EXPECT_EQ(judge(evidence, {}, levels).state, State::collapsed);
}

TEST(Verdict, TheGravestWitnessIsNamedFirst) {
  Evidence evidence = with_modes({500, 500, 500, 500, 0});
  evidence.diversity_ratio = 0.1;  // at_risk, before mode_dropping in the order of kinds
  const Verdict verdict = judge(evidence, {}, kLevels);
  EXPECT_EQ(verdict.kind, "mode_dropping");
  ASSERT_EQ(verdict.witnesses.size(), 3U);
  EXPECT_EQ(verdict.witnesses[1].kind, "duplicates");
  EXPECT_EQ(verdict.witnesses[2].kind, "mode_imbalance");
}

TEST(Verdict, SummaryKeepsWhatLaterVerdictsLookBackOn) {
  Evidence evidence = with_modes({10, 10});
  evidence.diversity_ratio = 0.9;
  evidence.r2_mean = NAN;
  const NamedValues values = summary(evidence);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].first, "kl_excess");
  EXPECT_NEAR(values[0].second, -1.0 / 40, 1e-15);
  EXPECT_EQ(values[1].first, "diversity_ratio");
}

TEST(Verdict, ABadHistogramIsRefused) {
  Evidence evidence = with_modes({10, 10});
  evidence.modes->samples = 21;
  EXPECT_THROW(judge(evidence, {}, kLevels), Error);
}

// At significance 1e-3 two false alarms of 2000 are allowed on average by each of the two tests
// (missing modes, imbalance); the effect sizes asked for besides make them far rarer where a mode
// has many samples.
TEST(Verdict, PerfectSamplersRaiseNoFalseAlarm) {
  config::Verdict strict;
  strict.imbalance_kl = 1e-9;  // the test of significance alone
  int alarms = 0;
  int strict_alarms = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    Random random({.seed = 6, .purpose = Purpose("false_alarms")}, i);
    std::vector<int64_t> observed(i % 2 == 0 ? 25 : 8);
    for (int n = 0; n < 1000; ++n) ++observed[random.below(observed.size())];
    const Evidence evidence = with_modes(observed);
    alarms += judge(evidence, {}, kLevels).state == State::healthy ? 0 : 1;
    strict_alarms += judge(evidence, {}, strict).state == State::healthy ? 0 : 1;
  }
  EXPECT_EQ(alarms, 0);
  EXPECT_LE(strict_alarms, 8);  // Poisson with mean 2 exceeds 8 in one of 4000
}

}  // namespace
}  // namespace allmodes::diagnostics
