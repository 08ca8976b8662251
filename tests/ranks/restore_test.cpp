// A checkpoint comes to all ranks of a job, each byte from the disk once a node, and no rank goes
// on before the slowest node has read.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "ranks/training_fixture.h"
#include "run/opened_run.h"
#include "run/work_watch.h"
#include "training/snapshot.h"

namespace allmodes::run {
namespace {

namespace fs = std::filesystem;
using ::allmodes::testing::joined;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;
using ::allmodes::testing::run_ranks;

constexpr int kRanks = 4;

// Rank `rank` of four, two on each of two nodes.
world::World of_two_nodes(int rank) {
  return {.rank = rank,
          .size = kRanks,
          .local_rank = rank % 2,
          .local_size = 2,
          .node = rank / 2,
          .nodes = 2};
}

class RestoreTest : public ::testing::Test {
 protected:
  RestoreTest()
      : problem_(::allmodes::testing::ring_gan()),
        folder_(fs::temp_directory_path() / fmt::format("allmodes-restore-{}", ::getpid())) {
    auto& gan = problem_.gan();
    gan.generator.width = gan.discriminator.width = 200;  // some megabytes
    problem_.config.exchange = {};
    fs::remove_all(folder_);
    const auto self = world::make_self_communicator();
    RankTrainer trainer(problem_, *self);
    trainer.step(0);
    const auto snapshot = training::take_snapshot(trainer.model());
    state_ = {
        .step = 1, .samples = 64, .config = "", .allmodes_version = "", .libtorch_version = ""};
    saved_ = checkpoints::save(folder_, state_, snapshot.payload, 1);
    for (const auto& entry : fs::directory_iterator(saved_)) bytes_ += entry.file_size();
    weights_ = joined(trainer.model().networks()[0]->flat.parameter_views);
  }
  ~RestoreTest() override { fs::remove_all(folder_); }

  OpenedRun opened_by(int rank, const fs::path& checkpoint) const {
    OpenedRun opened;
    opened.state = state_;
    opened.checkpoint = checkpoint;
    // Rank 0 has chosen the checkpoint, and read it to that end.
    if (rank == 0) opened.read = checkpoints::open(checkpoint);
    return opened;
  }

  Problem problem_;
  fs::path folder_, saved_;
  checkpoints::State state_;
  uint64_t bytes_ = 0;
  std::vector<float> weights_;
};

TEST_F(RestoreTest, EachByteIsReadOnceANodeAndReachesEveryRank) {
  ASSERT_GT(bytes_, 1'000'000U);
  const WorkDone before = work_done();
  run_ranks(kRanks, [&](world::Communicator& control) {
    RankTrainer trainer(problem_, control);
    OpenedRun opened = opened_by(control.rank(), saved_);
    restore(trainer.model(), opened, of_two_nodes(control.rank()), control);
    EXPECT_EQ(joined(trainer.model().networks()[0]->flat.parameter_views), weights_);
  });
  const uint64_t read = work_done().bytes_read - before.bytes_read;
  EXPECT_GE(read, 2 * bytes_);
  EXPECT_LT(read, 2 * bytes_ + bytes_ / 2);
}

// At a rollback rank 0 writes the checkpoint that all go back to anew: on a network file system a
// rank that has not read it yet would find its files gone.
TEST_F(RestoreTest, NoRankReturnsBeforeTheSlowestNodeHasRead) {
  // Where the second node looks, the manifest cannot be read for a tenth of a second.
  const fs::path late = folder_ / "late";
  const fs::path whole = folder_ / "whole";
  fs::copy(saved_, whole);
  fs::create_directories(late / "manifest.pb");
  std::atomic<bool> readable = false;
  std::thread disk([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    readable = true;
    ::renameat2(AT_FDCWD, whole.c_str(), AT_FDCWD, late.c_str(), RENAME_EXCHANGE);
  });
  run_ranks(kRanks, [&](world::Communicator& control) {
    const auto world = of_two_nodes(control.rank());
    RankTrainer trainer(problem_, control);
    OpenedRun opened = opened_by(control.rank(), world.node == 0 ? saved_ : late);
    control.barrier();
    restore(trainer.model(), opened, world, control);
    EXPECT_TRUE(readable) << "rank " << control.rank() << " went on";
  });
  disk.join();
}

}  // namespace
}  // namespace allmodes::run
