#include "run/rollback.h"

#include <gtest/gtest.h>

namespace allmodes::run {
namespace {

using checkpoints::State;
using training::Reaction;

State state_at(uint64_t step, std::vector<State::Verdict> verdicts) {
  return {.step = step, .verdicts = std::move(verdicts)};
}

TEST(Rollback, OnlyAVerdictOfTheVeryStepVouchesForACheckpoint) {
  EXPECT_TRUE(is_vouched_for(state_at(60, {{.step = 60, .state = "healthy"}})));
  // Evaluations each 30 steps, checkpoints each 20: the verdict before it is of other weights.
  EXPECT_FALSE(is_vouched_for(state_at(80, {{.step = 60, .state = "healthy"}})));
  EXPECT_FALSE(is_vouched_for(state_at(20, {})));
  EXPECT_FALSE(is_vouched_for(
      state_at(60, {{.step = 30, .state = "healthy"}, {.step = 60, .state = "at_risk"}})));
}

TEST(Rollback, ThereIsAlwaysTheBeginningToGoBackTo) {
  EXPECT_TRUE(is_vouched_for(state_at(0, {})));
}

TEST(Rollback, TheReactionFollowsTheConfigurationAndTheRollbacksThatAreLeft) {
  const State::Verdict healthy{.step = 30, .state = "healthy"};
  const State::Verdict risk{.step = 30, .state = "at_risk"};
  const State::Verdict collapsed{.step = 30, .state = "collapsed"};
  config::Verdict settings;
  settings.rollback.limit = 2;
  settings.on_collapse = "warn";
  for (const auto& verdict : {healthy, risk, collapsed})
    EXPECT_EQ(reaction_to(verdict, settings, 0), Reaction::none);
  settings.on_collapse = "stop";
  EXPECT_EQ(reaction_to(healthy, settings, 0), Reaction::none);
  EXPECT_EQ(reaction_to(collapsed, settings, 0), Reaction::stop);
  settings.on_collapse = "rollback";
  EXPECT_EQ(reaction_to(healthy, settings, 0), Reaction::keep);
  EXPECT_EQ(reaction_to(risk, settings, 0), Reaction::none);
  EXPECT_EQ(reaction_to(collapsed, settings, 1), Reaction::rollback);
  EXPECT_EQ(reaction_to(collapsed, settings, 2), Reaction::stop);
}

TEST(Rollback, TheStateIsTheCheckpointsWithOneRollbackMore) {
  const State::Rollback first{.from_step = 90, .to_step = 0, .kind = "mode_collapse"};
  const auto after =
      after_rollback(state_at(60, {{.step = 60, .state = "healthy"}}), {first},
                     {.step = 120, .state = "collapsed", .kind = "divergence", .reason = "NaN"});
  ASSERT_EQ(after.rollbacks.size(), 2u);
  EXPECT_EQ(after.rollbacks[0], first);
  EXPECT_EQ(
      after.rollbacks[1],
      (State::Rollback{.from_step = 120, .to_step = 60, .kind = "divergence", .reason = "NaN"}));
  EXPECT_EQ(after.step, 60u);
}

}  // namespace
}  // namespace allmodes::run
