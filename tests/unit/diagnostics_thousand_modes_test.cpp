// The published protocol of stacked digits, 26,000 samples on 1,000 modes: what its figures are for
// a perfect sampler and for one that drops modes, by simulation.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kModes = 1000;
constexpr int64_t kSamples = 26'000;

ModeHistogram uniform_modes() {
  ModeHistogram histogram;
  for (int64_t k = 0; k < kModes; ++k) {
    histogram.names.push_back(fmt::format("{:03}", k));
    histogram.expected_share.push_back(1.0 / kModes);
  }
  histogram.observed.assign(kModes, 0);
  return histogram;
}

// `samples` draws, uniform over the first `alive` modes.
ModeHistogram draw(int64_t alive, int64_t samples, uint64_t seed) {
  ModeHistogram histogram = uniform_modes();
  Random random({.seed = seed, .purpose = Purpose("test/thousand")});
  for (int64_t i = 0; i < samples; ++i)
    ++histogram.observed[random.below(static_cast<uint64_t>(alive))];
  histogram.samples = samples;
  return histogram;
}

Verdict judged(ModeHistogram histogram) {
  Evidence evidence{.step = 1000, .modes = std::move(histogram)};
  // The histogram is all there is here; by default a second instrument has to agree.
  config::Verdict levels;
  levels.witnesses = 1;
  levels.confirmations = 1;
  return judge(evidence, {}, levels);
}

TEST(ThousandModes, APerfectSamplerHasTheKnownFloorAndIsHealthy) {
  constexpr int kRuns = 60;
  double sum = 0, squares = 0;
  for (uint64_t run = 0; run < kRuns; ++run) {
    const ModeHistogram histogram = draw(kModes, kSamples, run);
    EXPECT_EQ(modes_covered(histogram), kModes);
    EXPECT_EQ(judged(histogram).state, State::healthy) << judged(histogram).reason;
    const double kl = kl_reverse(histogram);
    sum += kl;
    squares += kl * kl;
  }
  const double mean = sum / kRuns;
  const double deviation = std::sqrt(squares / kRuns - mean * mean);
  // 2N KL is about chi-square of 999 degrees: deviation sqrt(2 * 999) / (2N) = 0.00086.
  EXPECT_NEAR(deviation, 0.00086, 0.00025);
  EXPECT_NEAR(mean, 0.0194, 4 * 0.00086 / std::sqrt(kRuns));
  EXPECT_NEAR(mean, sampling_floor(draw(kModes, kSamples, 0)), 0.0005);
}

TEST(ThousandModes, EveryModeThatIsDroppedIsNamed) {
  for (const int64_t dropped : {1, 5, 50, 900}) {
    const ModeHistogram histogram = draw(kModes - dropped, kSamples, 7);
    const Verdict verdict = judged(histogram);
    EXPECT_EQ(modes_covered(histogram), kModes - dropped);
    EXPECT_EQ(verdict.missing.size(), static_cast<size_t>(dropped)) << verdict.reason;
    for (const MissingMode& mode : verdict.missing) EXPECT_GE(mode.mode, kModes - dropped);
    EXPECT_EQ(verdict.kind, "mode_dropping") << verdict.reason;
    // Below 1 % of the data it is a risk, from there on a collapse.
    EXPECT_EQ(verdict.state, dropped < 10 ? State::at_risk : State::collapsed) << verdict.reason;
    EXPECT_THAT(verdict.reason, HasSubstr(fmt::format("{} of 1000", dropped)));
    EXPECT_GE(kl_reverse(histogram), std::log(1000.0 / static_cast<double>(kModes - dropped)));
  }
}

// With two or three samples a mode no absence is significant by itself, but their number is.
TEST(ThousandModes, FewSamplesStillTellTheWholeFromTheHalf) {
  for (uint64_t run = 0; run < 20; ++run) {
    EXPECT_EQ(judged(draw(kModes, 2500, run)).state, State::healthy);
    const Verdict half = judged(draw(kModes / 2, 2500, run));
    EXPECT_EQ(half.state, State::collapsed);
    EXPECT_EQ(half.kind, "mode_dropping") << half.reason;
  }
}

// Each of a hundred lost modes is too small to be missed by itself at this number of samples.
TEST(ThousandModes, LostMassSpeaksAndNotTheNumberOfModes) {
  for (uint64_t run = 0; run < 10; ++run) {
    const Verdict lost = judged(draw(kModes - 100, 4000, run));
    EXPECT_EQ(lost.state, State::collapsed) << lost.reason;
    EXPECT_EQ(lost.kind, "mode_dropping");
  }
}

// Shares that are counted from as many reals are estimates: a perfect sampler has no fewer modes.
TEST(CountedShares, RaiseNoAlarmWhereBothAreSamples) {
  for (const auto& [modes, samples] :
       {std::pair{50, 200}, std::pair{100, 300}, std::pair{200, 500}, std::pair{10, 60}}) {
    for (uint64_t run = 0; run < 40; ++run) {
      Random random({.seed = run, .purpose = Purpose("test/counted")});
      ModeHistogram histogram;
      histogram.real_counts.assign(static_cast<size_t>(modes), 0);
      histogram.samples = samples;
      histogram.observed.assign(static_cast<size_t>(modes), 0);
      for (int i = 0; i < samples; ++i) {
        ++histogram.real_counts[random.below(static_cast<uint64_t>(modes))];
        ++histogram.observed[random.below(static_cast<uint64_t>(modes))];
      }
      for (int k = 0; k < modes; ++k) {
        histogram.names.push_back(fmt::format("{}", k));
        histogram.expected_share.push_back(
            (static_cast<double>(histogram.real_counts[static_cast<size_t>(k)]) + 0.5) /
            (samples + 0.5 * modes));
      }
      EXPECT_EQ(judged(histogram).state, State::healthy) << judged(histogram).reason;
    }
  }
}

}  // namespace
}  // namespace allmodes::diagnostics
