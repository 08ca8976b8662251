#include "world/status_board.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "mpi/control.h"

namespace allmodes::testing {
namespace {

// Looks until `done`, at most 20 s.
bool look_until(world::StatusBoard& board, const std::function<bool()>& done) {
  for (int look = 0; look < 2000 && !done(); ++look) {
    board.exchange();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return done();
}

TEST(StatusBoard, RankZeroSeesEveryRankAndItsWordReachesAll) {
  const world::World world = this_world();
  if (world.size == 1) GTEST_SKIP() << "one rank has nobody to see";
  {
    world::StatusBoard board(world);
    world::Status mine;
    mine.beats = 100 + static_cast<uint64_t>(world.rank);
    mine.doing = world::ShortText<160>("rank " + std::to_string(world.rank));
    board.publish(mine);
    const auto all_seen = [&] {
      return std::ranges::all_of(board.statuses(), [](const auto& s) { return s.beats >= 100; });
    };
    const auto root_seen = [&] { return board.judge_beats() == 100; };
    EXPECT_TRUE(look_until(board, [&] { return world.rank == 0 ? all_seen() : root_seen(); }));
    if (world.rank == 0) {
      for (size_t rank = 0; rank < board.statuses().size(); ++rank) {
        EXPECT_EQ(board.statuses()[rank].beats, 100 + rank);
        EXPECT_EQ(board.statuses()[rank].doing.view(), "rank " + std::to_string(rank));
      }
    }
    EXPECT_FALSE(board.end_ordered());
    control().barrier();
    if (world.rank == 0) board.order_end();
    EXPECT_TRUE(look_until(board, [&] { return board.end_ordered(); }));
    control().barrier();
  }
}

// Every rank as a node of its own, so that statuses travel by messages. A table that is too long to
// be sent before it is received (mpi_tests.messages makes it so) is under way when rank 0 ends.
TEST(StatusBoard, ItsEndWaitsForNoMessageThatNobodyReceives) {
  world::World world = this_world();
  world.node = world.rank;
  world.nodes = world.size;
  world.local_rank = 0;
  world.local_size = 1;
  for (int round = 0; round < 20; ++round) {
    world::StatusBoard board(world);
    world::Status mine;
    mine.beats = 1;
    board.publish(mine);
    for (int look = 0; look < (world.rank == 0 ? round : 40); ++look) {
      board.exchange();
      if (world.rank != 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

}  // namespace
}  // namespace allmodes::testing
