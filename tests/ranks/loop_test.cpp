// The loop over steps: what is asked when, and what follows from it.

#include "training/loop.h"

#include <gtest/gtest.h>

#include <csignal>
#include <limits>
#include <string>
#include <vector>

#include "ranks/training_fixture.h"
#include "run/agreement.h"
#include "world/signals.h"

namespace allmodes::training {
namespace {

using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;

// A rank alone, whose hooks note what the loop does.
class LoopTest : public ::testing::Test {
 protected:
  LoopTest() : problem_(::allmodes::testing::ring_gan()), self_(world::make_self_communicator()) {
    auto& config = problem_.config;
    config.steps = 6;
    config.diagnostics.log_every = 1;
    config.diagnostics.evaluate_every = 2;
    config.checkpoints.every = 0;
    config.images.every = 0;
  }

  LoopHooks hooks(run::RequestAgreement& stop) {
    const auto note = [this](const char* what) {
      return [this, what](const Position& position) {
        events_.push_back(std::string(what) + " " + std::to_string(position.step));
      };
    };
    return {.next = [this] { return trainer_.next(); },
            .log = [](const Position&, const StepReport&) {},
            .evaluate = [](const Position&) { return Reaction::none; },
            .checkpoint = note("checkpoint"),
            .images = [](const Position&) {},
            .tick = [this](const Position&, const StepReport&) { ++steps_; },
            .requested = [&stop](const Position& position) { return stop.ask(position); },
            .skipped = [](const Position&, const std::vector<SkippedUpdate>&) { return false; }};
  }

  StopReason run(const LoopHooks& hooks) {
    Position position;
    return run_loop(problem_.config, trainer_.objective(), trainer_.model(), position, hooks);
  }

  Problem problem_;
  std::unique_ptr<world::Communicator> self_;
  RankTrainer trainer_{problem_, *self_};
  int steps_ = 0;
  std::vector<std::string> events_;
};

TEST_F(LoopTest, ASignalDuringAnEvaluationThatRollsBackStopsTheNextAttemptBeforeItsFirstStep) {
  const world::StopRequest signals({SIGUSR1});
  {
    run::RequestAgreement stop(signals, *self_, 0);
    auto attempt = hooks(stop);
    attempt.evaluate = [](const Position& position) {
      if (position.step == 0) return Reaction::none;
      std::raise(SIGUSR1);
      return Reaction::rollback;
    };
    EXPECT_EQ(run(attempt), StopReason::kRollback);
    EXPECT_EQ(steps_, 2);
    EXPECT_TRUE(events_.empty()) << events_[0];
  }
  run::RequestAgreement stop(signals, *self_, 0);
  EXPECT_EQ(run(hooks(stop)), StopReason::kSignal);
  EXPECT_EQ(steps_, 2);
  EXPECT_EQ(events_, std::vector<std::string>{"checkpoint 0"});
}

TEST_F(LoopTest, ASignalDuringAnEvaluationIsAnsweredByACheckpointAFewStepsLater) {
  problem_.config.steps = 1000;
  const world::StopRequest signals({SIGUSR1});
  run::RequestAgreement stop(signals, *self_, 0);
  auto attempt = hooks(stop);
  attempt.evaluate = [](const Position& position) {
    if (position.step == 4) std::raise(SIGUSR1);
    return Reaction::none;
  };
  uint64_t saved = 0;
  attempt.checkpoint = [&](const Position& position) { saved = position.step; };
  EXPECT_EQ(run(attempt), StopReason::kSignal);
  EXPECT_GE(saved, 4U);
  // Steps of a millisecond are asked after at intervals that double.
  EXPECT_LE(saved, 16U);
}

TEST_F(LoopTest, ASaveThatIsAskedForIsMadeAndTheRunGoesOn) {
  const world::StopRequest signals({SIGUSR1});
  run::RequestAgreement stop(signals, *self_, 0);
  auto attempt = hooks(stop);
  attempt.requested = [](const Position& position) {
    return position.step == 3 ? Request::save : Request::none;
  };
  EXPECT_EQ(run(attempt), StopReason::kFinished);
  EXPECT_EQ(events_, (std::vector<std::string>{"checkpoint 3", "checkpoint 6"}));
}

TEST_F(LoopTest, SkippedUpdatesAreAskedAfterAndEndTheRunWithACheckpoint) {
  const world::StopRequest signals({SIGUSR1});
  run::RequestAgreement stop(signals, *self_, 0);
  auto attempt = hooks(stop);
  // A batch that is not finite: its updates are skipped.
  attempt.next = [this] {
    LocalBatch batch = trainer_.next();
    batch.samples.fill_(std::numeric_limits<float>::quiet_NaN());
    return batch;
  };
  std::vector<uint64_t> asked;
  attempt.skipped = [&](const Position& position, const std::vector<SkippedUpdate>& updates) {
    EXPECT_FALSE(updates.empty());
    asked.push_back(position.step);
    return position.step == 3;
  };
  EXPECT_EQ(run(attempt), StopReason::kNotFinite);
  EXPECT_EQ(asked, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(events_, std::vector<std::string>{"checkpoint 3"});
}

}  // namespace
}  // namespace allmodes::training
