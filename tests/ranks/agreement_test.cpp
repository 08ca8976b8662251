#include "run/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "ranks/thread_ranks.h"
#include "run/threads.h"
#include "world/handshake.h"

namespace allmodes::testing {
namespace {

std::string ring_config(const std::string& fields) {
  return fields + R"(
    name: "ring" steps: 10
    data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 400 }
    gan { latent { dimension: 4 } generator { width: 8 depth: 1 }
          discriminator { width: 8 depth: 1 } })";
}

// A check of a configuration on ranks of several nodes: what each rank returns.
std::vector<ExitCode> codes_of(const std::string& fields, const std::vector<world::World>& worlds) {
  const std::string text = ring_config(fields);
  std::vector<ExitCode> codes(worlds.size(), ExitCode::kSoftware);
  run_ranks(static_cast<int>(worlds.size()), [&](world::Communicator& control) {
    const auto run = run::check_text(text, "test.txtpb");
    ASSERT_TRUE(run.good()) << run::problems_text(run.loaded);
    const auto rank = static_cast<size_t>(control.rank());
    codes[rank] = run::check_batch(run, control, worlds[rank]);
    // A rank that had returned would not come here.
    world::all_reduce_value<int64_t>(control, 1, world::ReduceOp::sum);
  });
  return codes;
}

std::vector<world::World> two_nodes_of_two(bool by_node) {
  std::vector<world::World> worlds;
  for (int rank = 0; rank < 4; ++rank)
    worlds.push_back({.rank = rank,
                      .size = 4,
                      .local_rank = by_node ? rank / 2 : rank % 2,
                      .local_size = 2,
                      .node = by_node ? rank % 2 : rank / 2,
                      .nodes = 2});
  return worlds;
}

// mpirun --map-by node: ranks 0 and 3 are where the tree wants them, 1 and 2 are not.
TEST(CheckBatch, PlacesThatOnlySomeRanksFindWrongGiveAllTheSameCode) {
  const std::string shards = "batch: 64 deterministic_shards: 8";
  EXPECT_EQ(codes_of(shards, two_nodes_of_two(false)), std::vector<ExitCode>(4, ExitCode::kOk));
  EXPECT_EQ(codes_of(shards, two_nodes_of_two(true)),
            std::vector<ExitCode>(4, ExitCode::kConfiguration));
}

TEST(CheckBatch, ABatchThatTheRanksDoNotDivideGivesAllTheSameCode) {
  EXPECT_EQ(codes_of("batch: 62", two_nodes_of_two(false)),
            std::vector<ExitCode>(4, ExitCode::kConfiguration));
  EXPECT_EQ(codes_of("batch: 64", two_nodes_of_two(true)), std::vector<ExitCode>(4, ExitCode::kOk));
}

TEST(CheckBatch, TheMostRanksThatFitAreSaid) {
  const auto checked = [](const std::string& fields) {
    return run::check_text(ring_config(fields), "test.txtpb");
  };
  const auto even = checked("batch: 64");
  EXPECT_EQ(run::uneven_batch(even, 4), "");
  EXPECT_EQ(run::most_ranks(even.config(), 3), 2);
  EXPECT_EQ(run::most_ranks(even.config(), 1000), 64);
  EXPECT_EQ(run::uneven_batch(even, 3),
            "test.txtpb:1:1: batch: is 64, which 3 ranks x 1 microbatches do not divide; the "
            "nearest that fits is 63; the most ranks that can share out 64: 2\n");
  EXPECT_EQ(run::most_ranks(checked("batch: 66 microbatches: 2").config(), 4), 3);
  const auto shards = checked("batch: 64 deterministic_shards: 8");
  EXPECT_EQ(run::most_ranks(shards.config(), 7), 4);
  EXPECT_THAT(run::uneven_batch(shards, 6), ::testing::HasSubstr("the most ranks that can: 4\n"));
}

TEST(Refusals, OfOneRankAreEveryones) {
  run_ranks(3, [](world::Communicator& control) {
    world::Refusal mine;
    if (control.rank() > 0) mine = {ExitCode::kNoInput, "data/x.npy is not there\n"};
    if (control.rank() == 2) mine.code = ExitCode::kConfiguration;
    const world::Refusal all = world::refuse_together(control, mine);
    EXPECT_EQ(all.code, ExitCode::kConfiguration);
    EXPECT_NE(all.text.find("found on rank 1 on"), std::string::npos) << all.text;
    EXPECT_EQ(all.text.find("rank 2"), std::string::npos) << all.text;  // said already
    EXPECT_EQ(world::refuse_together(control, {}).code, ExitCode::kOk);
  });
}

// Four ranks of one node.
std::vector<int> shares(const std::vector<run::RankPlace>& places) {
  std::vector<int> found(places.size());
  run_ranks(static_cast<int>(places.size()), [&](world::Communicator& control) {
    const auto rank = static_cast<size_t>(control.rank());
    found[rank] = run::share_of_node(places[rank], control);
  });
  return found;
}

run::RankPlace place_on(int first, int count) {
  run::RankPlace place;
  for (int i = first; i < first + count; ++i) CPU_SET(static_cast<size_t>(i), &place.processors);
  return place;
}

TEST(Threads, ProcessorsAreSharedOutAmongTheRanksOfANode) {
  EXPECT_EQ(shares(std::vector(4, place_on(0, 64))), std::vector<int>(4, 16));
  EXPECT_EQ(shares({place_on(0, 2), place_on(2, 6)}), (std::vector<int>{2, 4}));
  EXPECT_EQ(shares(std::vector(4, place_on(0, 2))), std::vector<int>(4, 1));
}

// A container with two of 64 processors: more threads would be stopped most of the time.
TEST(Threads, AQuotaOfAControlGroupIsSharedOutToo) {
  auto place = place_on(0, 64);
  place.quota = 2;
  place.quota_group = 7;
  EXPECT_EQ(shares({place}), std::vector<int>{2});
  EXPECT_EQ(shares({place, place}), (std::vector<int>{1, 1}));
  EXPECT_EQ(shares({place, place, place}), (std::vector<int>{1, 1, 1}));
  auto other = place;
  other.quota_group = 8;
  other.quota = 8;
  EXPECT_EQ(shares({place, other}), (std::vector<int>{2, 8}));
}

// No two ranks look at their clocks at the same moment, and all of them save after the same steps.
TEST(RequestAgreement, RanksWhoseClocksDifferSaveAfterTheSameStepsAndNotSooner) {
  const world::StopRequest signals({SIGUSR1});
  std::mutex mutex;
  std::vector<std::vector<uint64_t>> saves;
  run_ranks(3, [&](world::Communicator& control) {
    // Each began some milliseconds after the one before it.
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * control.rank()));
    run::RequestAgreement agreement(signals, control, 1.0);
    std::vector<uint64_t> mine;
    for (uint64_t step = 1; step <= 60; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (agreement.ask({.step = step, .samples = 0}) != training::Request::save) continue;
      agreement.saved();
      mine.push_back(step);
    }
    const std::lock_guard lock(mutex);
    saves.push_back(mine);
  });
  ASSERT_EQ(saves.size(), 3U);
  EXPECT_EQ(saves[1], saves[0]);
  EXPECT_EQ(saves[2], saves[0]);
  EXPECT_GE(saves[0].size(), 1U);
  EXPECT_LE(saves[0].size(), 3U);
}

}  // namespace
}  // namespace allmodes::testing
