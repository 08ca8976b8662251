#include "checkpoints/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include "base/error.h"

namespace allmodes::checkpoints {
namespace {

TEST(CheckpointWriterTest, ASaveRunsBesideItsCallerAndOneAtATime) {
  std::latch may_end(1);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  const auto save = [&] {
    most = std::max(most.load(), ++running);
    may_end.wait();
    --running;
    ++done;
  };
  CheckpointWriter writer;
  writer.begin(save);
  EXPECT_EQ(done, 0);  // begin() came back although the save cannot have ended
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    may_end.count_down();
  });
  writer.begin(save);  // waits for the first
  EXPECT_GE(done, 1);
  writer.wait();
  opener.join();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(most, 1);
}

TEST(CheckpointWriterTest, AFailureIsReportedOnceByWhoeverAsksNext) {
  const auto fail = [] { ALLMODES_FAIL(ExitCode::kInputOutput, "the disk is full"); };
  CheckpointWriter writer;
  writer.begin(fail);
  EXPECT_THROW(writer.wait(), Error);
  EXPECT_NO_THROW(writer.wait());
  writer.begin(fail);
  bool began = false;
  EXPECT_THROW(writer.begin([&] { began = true; }), Error);
  EXPECT_FALSE(began);
  writer.begin(fail);
  const auto ends = [&] {
    for (int i = 0; i < 2000; ++i) {
      writer.check();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  EXPECT_THROW(ends(), Error);
  EXPECT_NO_THROW(writer.check());
}

TEST(CheckpointWriterTest, AnEndWaitsForTheSaveUnderWay) {
  std::atomic<bool> written{false};
  {
    CheckpointWriter writer;
    writer.begin([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      written = true;
    });
  }
  EXPECT_TRUE(written);
}

}  // namespace
}  // namespace allmodes::checkpoints
