// Whole evaluations of training, from features of samples to the verdict: what a loss has to come
// out as whether the modes are known or not, and at any number of samples.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "diagnostics/verdict/comparison_evidence.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kScenarioWidth = 8;
constexpr int64_t kScenarioModes = 10;

config::Verdict levels_of_one_evaluation() {
  config::Verdict levels;
  levels.grace_steps = 0;
  levels.confirmations = 1;
  return levels;
}

// Ten groups in eight dimensions that touch one another, as classes of pictures do in their leading
// principal components; mode k has the weight `weights[k]`.
FeatureRows ten_touching_groups(int64_t rows, uint64_t seed, const std::vector<double>& weights) {
  Random centre({.seed = 4, .purpose = Purpose("scenario centres")});
  std::vector<float> centres;
  for (int64_t i = 0; i < kScenarioModes * kScenarioWidth; ++i)
    centres.push_back(static_cast<float>(1.2 * centre.normal()));
  Random random({.seed = seed, .purpose = Purpose("scenario rows")});
  FeatureRows made{.width = kScenarioWidth, .features = {}, .modes = {}};
  double total = 0;
  for (const double weight : weights) total += weight;
  for (int64_t row = 0; row < rows; ++row) {
    // As many of each mode as its weight says: the golden section spreads them evenly.
    const double turns = 0.6180339887498949 * static_cast<double>(row);
    double left = total * (turns - std::floor(turns));
    size_t mode = 0;
    while (mode + 1 < weights.size() && left >= weights[mode]) left -= weights[mode++];
    for (size_t j = 0; j < size_t{kScenarioWidth}; ++j)
      made.features.push_back(centres[mode * size_t{kScenarioWidth} + j] +
                              static_cast<float>(0.6 * random.normal()));
    made.modes.push_back(static_cast<int64_t>(mode));
  }
  return made;
}

// The comparison of an evaluation of `samples` samples; `known`: each row's mode is.
Comparison scenario_comparison(int64_t samples, bool known) {
  const std::vector<double> equal(kScenarioModes, 1.0);
  FeatureRows reals = ten_touching_groups(3000, 1, equal);
  FeatureRows pool = ten_touching_groups(2 * samples, 2, equal);
  if (!known)
    for (auto* rows : {&reals, &pool}) rows->modes.assign(rows->modes.size(), 0);
  Comparison made{.reference = make_reference(reals, known ? kScenarioModes : 1),
                  .nulls = {},
                  .names = {"the data"},
                  .shares = {1}};
  if (known) {
    made.names.clear();
    for (int64_t k = 0; k < kScenarioModes; ++k) made.names.push_back(fmt::format("mode {}", k));
    made.shares.assign(kScenarioModes, 0.1);
  } else {
    made.reference.parts = make_part_reference({reals.features, kScenarioWidth});
  }
  std::vector<std::vector<double>> draws(figures().size());
  for (uint64_t draw = 0; draw < 40; ++draw) {
    const auto values = null_draw(pool, made.reference, samples, 1, draw);
    for (size_t i = 0; i < values.size(); ++i) draws[i].push_back(values[i]);
  }
  for (size_t i = 0; i < draws.size(); ++i)
    made.nulls.emplace_back(as_fresh(draws[i], samples, pool.size()), figures()[i].worse);
  return made;
}

Verdict judged_scenario(const Comparison& comparison, FeatureRows samples, bool known) {
  const config::Verdict levels = levels_of_one_evaluation();
  Evidence evidence{.step = 1000};
  if (known) {
    ModeHistogram modes{.names = comparison.names,
                        .expected_share = comparison.shares,
                        .observed = std::vector<int64_t>(kScenarioModes, 0),
                        .samples = samples.size()};
    for (const int64_t mode : samples.modes) ++modes.observed[static_cast<size_t>(mode)];
    evidence.modes = modes;
  } else {
    samples.modes.assign(samples.modes.size(), 0);
  }
  add_comparison(comparison, samples, levels.significance, evidence);
  return judge(evidence, {}, levels);
}

TEST(TrainingScenario, ThreeOfTenClassesThatNobodyNamedAreDroppedModes) {
  const Comparison comparison = scenario_comparison(2500, false);
  std::vector<double> weights(kScenarioModes, 1.0);
  for (uint64_t seed = 10; seed < 15; ++seed) {
    const Verdict equal =
        judged_scenario(comparison, ten_touching_groups(2500, seed, weights), false);
    EXPECT_EQ(equal.state, State::healthy) << equal.reason;
  }
  for (size_t k = 0; k < 3; ++k) weights[k] = 0;
  for (uint64_t seed = 20; seed < 25; ++seed) {
    const Verdict lost =
        judged_scenario(comparison, ten_touching_groups(2500, seed, weights), false);
    EXPECT_NE(lost.state, State::healthy) << lost.reason;
    EXPECT_EQ(lost.kind, "mode_dropping") << lost.reason;
    EXPECT_THAT(lost.lost, ::testing::Not(::testing::IsEmpty()));
  }
}

// More samples see more, never less: coverage is of a thousand of them whatever their number.
TEST(TrainingScenario, AModeAtATwentiethOfItsShareIsNoRarerACollapseOfMoreSamples) {
  std::vector<double> weights(kScenarioModes, 1.0);
  weights[6] = 0.05;
  std::vector<int> collapsed;
  constexpr int kTurns = 6;
  for (const int64_t samples : {2500, 10'000}) {
    const Comparison comparison = scenario_comparison(samples, true);
    collapsed.push_back(0);
    for (uint64_t turn = 0; turn < kTurns; ++turn) {
      const Verdict verdict =
          judged_scenario(comparison, ten_touching_groups(samples, 30 + turn, weights), true);
      EXPECT_EQ(verdict.kind, "mode_dropping") << samples << ": " << verdict.reason;
      EXPECT_THAT(verdict.lost, ::testing::Contains("mode 6")) << verdict.reason;
      collapsed.back() += verdict.state == State::collapsed ? 1 : 0;
    }
  }
  // Now and then a group beside it reaches many of its reals: then one instrument is alone.
  EXPECT_GE(collapsed.front(), kTurns / 2);
  EXPECT_GE(collapsed.back(), collapsed.front());
}

}  // namespace
}  // namespace allmodes::diagnostics
