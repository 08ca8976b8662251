#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "training/cadence.h"
#include "world/communicator.h"
#include "world/flight_log.h"
#include "world/stall_judge.h"
#include "world/starvation.h"

namespace allmodes::world {
namespace {

constexpr double kTick = 0.25;

// A job under the judge's eye, in a time of its own.
class Job {
 public:
  explicit Job(size_t ranks) : statuses(ranks), judge_(hosts(ranks)) {
    for (auto& status : statuses) {
      status.allowance_s = limits.stage_limit_s;
      status.doing = ShortText<160>("at work");
    }
  }

  // Lets time pass; `change` is what the ranks do in each tick. The first stall and when it came.
  template <typename Change>
  std::optional<Stall> run(double seconds, Change change) {
    for (double until = now + seconds; now < until; now += kTick) {
      change();
      if (auto stall = judge_.look(now, statuses, limits)) return stall;
    }
    return std::nullopt;
  }
  void beat() {
    for (auto& status : statuses) ++status.beats;
  }

  WatchLimits limits{.limit_s = 10, .stage_limit_s = 1800};
  std::vector<Status> statuses;
  double now = 1000;

 private:
  static std::vector<std::string> hosts(size_t ranks) {
    std::vector<std::string> names;
    for (size_t i = 0; i < ranks; ++i) names.push_back("host" + std::to_string(i));
    return names;
  }
  StallJudge judge_;
};

TEST(StallJudge, ARankWhoseBeatsStopIsNamedWithinTheLimit) {
  Job job(4);
  EXPECT_FALSE(job.run(100, [&] { job.beat(); }));
  const double frozen_at = job.now;
  for (auto& status : job.statuses) {
    status.waiting = 1;
    ++status.progress;
  }
  const auto stall = job.run(100, [&] {
    job.beat();
    --job.statuses[2].beats;
  });
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->ranks, std::vector<int>{2});
  EXPECT_NE(stall->text.find("rank 2 on host2"), std::string::npos) << stall->text;
  EXPECT_NE(stall->text.find("ranks 0, 1, 3: at work"), std::string::npos) << stall->text;
  EXPECT_LT(job.now - frozen_at, 0.8 * job.limits.limit_s);
  EXPECT_GT(job.now - frozen_at, 0.4 * job.limits.limit_s);
}

// Three wait for an hour while the fourth evaluates and says so.
TEST(StallJudge, RanksThatWaitForOneAtWorkAreWell) {
  Job job(4);
  job.limits.stage_limit_s = 0;
  for (auto& status : job.statuses) status.waiting = 1;
  job.statuses[1].waiting = 0;
  job.statuses[1].allowance_s = 0;
  EXPECT_FALSE(job.run(3600, [&] { job.beat(); }));
}

TEST(StallJudge, ARankAtWorkBeyondItsAllowanceIsNamed) {
  Job job(3);
  for (auto& status : job.statuses) status.waiting = 1;
  job.statuses[2].waiting = 0;
  job.statuses[2].allowance_s = 20;
  const double began = job.now;
  const auto stall = job.run(100, [&] { job.beat(); });
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->ranks, std::vector<int>{2});
  EXPECT_NE(stall->text.find("alive, but without progress"), std::string::npos) << stall->text;
  EXPECT_NEAR(job.now - began, 20, 1);
}

TEST(StallJudge, ProgressWithinAStageIsEnough) {
  Job job(2);
  job.statuses[0].waiting = 1;
  job.statuses[1].allowance_s = 5;
  int ticks = 0;
  EXPECT_FALSE(job.run(600, [&] {
    job.beat();
    if (++ticks % 16 == 0) ++job.statuses[1].progress;  // every 4 s
  }));
}

TEST(StallJudge, RanksThatWaitForEachOtherAreFoundAndTheOneBehindNamed) {
  Job job(3);
  for (auto& status : job.statuses) {
    status.waiting = 1;
    status.sequence = 77;
  }
  job.statuses[1].sequence = 76;
  const double began = job.now;
  const auto stall = job.run(100, [&] { job.beat(); });
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->ranks, std::vector<int>{1});
  EXPECT_NE(stall->text.find("rank 1 is the one behind"), std::string::npos) << stall->text;
  EXPECT_LT(job.now - began, job.limits.limit_s);
}

// 1 GiB at no less than 8 MiB/s takes up to 128 s.
TEST(StallJudge, ALargeCollectiveHasTheTimeOfItsBytes) {
  Job job(2);
  for (auto& status : job.statuses) {
    status.waiting = 1;
    status.bytes = int64_t{1} << 30;
  }
  EXPECT_FALSE(job.run(128, [&] { job.beat(); }));
  EXPECT_TRUE(job.run(20, [&] { job.beat(); }));
}

TEST(Starvation, AWaitMayLastLongerByTheTimeInWhichTheProcessHardlyRan) {
  Starvation starvation;
  EXPECT_EQ(starvation.longer(1, {.ran = 5, .queued = 100}),
            0);  // all that was before does not count
  EXPECT_EQ(starvation.longer(1, {.ran = 5.1, .queued = 108}), 8);
  EXPECT_EQ(starvation.longer(1, {.ran = 6.1, .queued = 108}), 0)
      << "it has a share of a processor";
  EXPECT_EQ(starvation.longer(2, {.ran = 6.1, .queued = 120}), 0) << "it has moved";
  EXPECT_EQ(starvation.longer(2, {.ran = 6.2, .queued = 520}), kMostStarved);
  EXPECT_EQ(starvation.longer(3, {.ran = 6.2, .queued = 520}), 0);
  EXPECT_EQ(starvation.longer(3, {.ran = 6.2, .queued = 520}), 0) << "it sleeps";
  EXPECT_GT(processor_times().ran, 0);
}

TEST(StallJudge, AJobThatWasSuspendedAsAWholeContinues) {
  Job job(2);
  for (auto& status : job.statuses) status.waiting = 1;
  EXPECT_FALSE(job.run(3, [&] {
    job.beat();
    ++job.statuses[0].progress;
  }));
  job.now += 3600;  // nobody looked, nobody moved
  EXPECT_FALSE(job.run(3, [&] { job.beat(); }));
}

TEST(Allowance, OfATrainingStepFollowsTheStepsSoFar) {
  const WatchLimits limits{.limit_s = 10, .stage_limit_s = 600};
  FlightLog log;
  EXPECT_EQ(allowance(limits, log), 600);  // start
  log.set_stage({ShortText<40>("training"), Stage::Kind::training});
  EXPECT_EQ(allowance(limits, log), 600);  // the first steps
  for (uint64_t step = 1; step <= 3; ++step) log.step_done(step);
  EXPECT_EQ(allowance(limits, log), 5);
  {
    const ScopedStage evaluation(&log, "evaluation");
    EXPECT_EQ(allowance(limits, log), 600);
  }
  EXPECT_EQ(allowance(limits, log), 5);
  EXPECT_LT(log.longest_work(), 0.5);
}

// The first wait for a GPU, on which a collective hangs, is that of the log step: it is a wait for
// the other ranks, and found within the limit, not within that of an evaluation.
TEST(StallJudge, RanksWhoseLogStepWaitsForTheirDevicesAreFoundWithinTheLimit) {
  Job job(2);
  std::vector<FlightLog> logs(2);
  for (auto& log : logs) {
    log.set_stage({ShortText<40>("training"), Stage::Kind::training});
    for (uint64_t step = 1; step <= 3; ++step) log.step_done(step);
  }
  const auto look = [&] {
    for (size_t rank = 0; rank < logs.size(); ++rank) {
      const uint64_t beats = job.statuses[rank].beats + 1;
      job.statuses[rank] = status_of(logs[rank], job.limits);
      job.statuses[rank].beats = beats;
    }
  };
  const auto wait_for_device = [](FlightLog& log) {
    return std::make_unique<FlightLog::Running>(&log, Collective::device_wait, 0, 1, "step 3");
  };
  const ScopedStage first(&logs[0], "log", Stage::Kind::training);
  const ScopedStage second(&logs[1], "log", Stage::Kind::training);
  std::vector<std::unique_ptr<FlightLog::Running>> waits;
  for (auto& log : logs) waits.push_back(wait_for_device(log));
  double began = job.now;
  const auto stall = job.run(100, look);
  ASSERT_TRUE(stall);
  EXPECT_LT(job.now - began, job.limits.limit_s);
  EXPECT_NE(stall->text.find("wait for the device, step 3"), std::string::npos) << stall->text;

  // Also where the log step hangs in something that is no flight.
  waits.clear();
  began = job.now;
  const auto blocked = job.run(100, look);
  ASSERT_TRUE(blocked);
  EXPECT_LT(job.now - began, job.limits.limit_s);
  EXPECT_NE(blocked->text.find("at work in stage 'log'"), std::string::npos) << blocked->text;
}

TEST(FlightLog, ALongFlightOfAnotherThreadKeepsItsPlace) {
  FlightLog log;
  const FlightLog::Running early(&log, Collective::barrier, 0, 4, "of another thread");
  for (int round = 0; round < 3; ++round) {
    // The last one would have the place of the first.
    for (size_t i = 0; i < FlightLog::kKept; ++i)
      FlightLog::Running(&log, Collective::all_reduce, 8, 4, "quick").finish(FlightState::done);
    ASSERT_EQ(log.running().size(), 1U);
    EXPECT_EQ(log.running().front().label.view(), "of another thread");
    EXPECT_EQ(log.last().size(), FlightLog::kKept);
  }
}

TEST(FlightLog, TwoThreadsInCollectivesAtOnceLeaveWholeLines) {
  FlightLog log;
  const auto fly = [&log](std::string_view label) {
    for (int i = 0; i < 20'000; ++i)
      FlightLog::Running(&log, Collective::barrier, 0, 2, label).finish(FlightState::done);
  };
  std::thread other(fly, "the other");
  fly("this one");
  other.join();
  EXPECT_EQ(log.sequence(), 40'000U);
  EXPECT_TRUE(log.running().empty());
  // A place with two writers at once would stay unreadable for good.
  EXPECT_EQ(log.last().size(), FlightLog::kKept);
}

TEST(FlightLog, AStageIsProgressAndWhatARankIsDoing) {
  FlightLog log;
  const uint64_t before = log.progress();
  const ScopedStage loading(&log, "loading data");
  EXPECT_GT(log.progress(), before);
  EXPECT_NE(status_of(log, {}).doing.view().find("'loading data'"), std::string_view::npos);
  const ScopedStage next(&log, "training", Stage::Kind::training);
  EXPECT_NE(status_of(log, {}).doing.view().find("'training'"), std::string_view::npos);
}

TEST(FlightLog, KeepsTheLastCollectivesWithWhatTheyWere) {
  FlightLog log;
  const auto communicator = make_self_communicator();
  communicator->record_into(&log);
  log.step_done(120);
  log.set_phase("discriminator");
  std::vector<float> values(1024);
  Buffer buffer = host_buffer(std::span(values));
  buffer.label = "generator, bucket 1 of 3";
  for (int i = 0; i < 100; ++i)
    communicator->all_reduce(buffer, ReduceOp::mean, nullptr).wait(nullptr);
  communicator->split(0, 0)->barrier("end");
  const auto last = log.last();
  ASSERT_EQ(last.size(), FlightLog::kKept);
  EXPECT_EQ(log.sequence(), 102u);
  EXPECT_EQ(last.back().sequence, 102u);
  EXPECT_EQ(last.front().sequence, 102 - FlightLog::kKept + 1);
  EXPECT_EQ(to_text(last.front()),
            "#39 all-reduce mean f32 4.0 KiB, generator, bucket 1 of 3 (step 120, discriminator)");
  EXPECT_EQ(to_text(last.back()), "#102 barrier, end (step 120, discriminator)");
  for (const Flight& flight : last) {
    EXPECT_EQ(flight.state, FlightState::done);
    EXPECT_GE(flight.ended_ns, flight.began_ns);
  }
  EXPECT_TRUE(log.running().empty());
}

TEST(FlightLog, ShowsWhatRunsAndWhatFailed) {
  FlightLog log;
  {
    const FlightLog::Running flight(&log, Collective::barrier, 0, 4, "meeting");
    ASSERT_EQ(log.running().size(), 1u);
    EXPECT_NE(to_text(log, "rank 1").find("RUNNING  #1 barrier, meeting"), std::string::npos)
        << to_text(log, "rank 1");
  }
  EXPECT_TRUE(log.running().empty());
  EXPECT_EQ(log.last().back().state, FlightState::failed);
}

// Two numbers that belong together are never seen apart.
TEST(SeqLocked, IsReadWholeWhileItIsWritten) {
  struct Pair {
    uint64_t first;
    std::array<char, 100> filler;
    uint64_t second;
  };
  SeqLocked<Pair> locked;
  std::atomic<bool> ending = false;
  std::thread writer([&] {
    for (uint64_t i = 1; !ending; ++i) locked.store({i, {}, i});
  });
  for (int i = 0; i < 20'000; ++i) {
    if (const auto pair = locked.load()) {
      EXPECT_EQ(pair->first, pair->second);
    }
  }
  ending = true;
  writer.join();
}

TEST(AgreementCadence, ComesAboutOnceInAPeriodAndAfterEachStepThatTakesLonger) {
  training::AgreementCadence cadence(0.5);
  EXPECT_TRUE(cadence.due(1));
  int agreements = 0;
  for (uint64_t step = 1; step <= 10'000; ++step) {  // of 1 ms: 10 s
    if (!cadence.due(step)) continue;
    cadence.agreed(step, 0.001);
    ++agreements;
  }
  EXPECT_GE(agreements, 20);
  EXPECT_LE(agreements, 20 + 10);  // the interval doubles ten times at the start
  uint64_t step = 10'000;
  while (!cadence.due(step)) ++step;
  EXPECT_LE(step, 10'500u);
  cadence.agreed(step, 2.0);
  EXPECT_TRUE(cadence.due(step + 1));
}

}  // namespace
}  // namespace allmodes::world
