#include "checkpoints/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

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
  writer.begin({save});
  EXPECT_EQ(done, 0);  // begin() came back although the save cannot have ended
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    may_end.count_down();
  });
  writer.begin({save});  // waits for the first
  EXPECT_GE(done, 1);
  writer.wait();
  opener.join();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(most, 1);
}

TEST(CheckpointWriterTest, AFailureIsReportedOnceByWhoeverAsksNext) {
  const auto fail = [] { ALLMODES_FAIL(ExitCode::kInputOutput, "the disk is full"); };
  CheckpointWriter writer;
  writer.begin({fail});
  EXPECT_THROW(writer.wait(), Error);
  EXPECT_NO_THROW(writer.wait());
  writer.begin({fail});
  bool began = false;
  EXPECT_THROW(writer.begin({[&] { began = true; }}), Error);
  EXPECT_FALSE(began);
  writer.begin({fail});
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
    writer.begin({[&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      written = true;
    }});
  }
  EXPECT_TRUE(written);
}

// A disk that is full until told otherwise, and what was written to it.
class Disk {
 public:
  CheckpointWriter::Save save(int number, bool may_be_left_out) {
    return {[this, number] {
              ++tries;
              if (full) throw StorageError(ExitCode::kInputOutput, ENOSPC, "writing");
              written.push_back(number);
            },
            may_be_left_out};
  }
  void wait_for_tries(int count) const {
    while (tries < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::atomic<bool> full{true};
  std::atomic<int> tries{0};
  std::vector<int> written;  // read it after the writer has waited
};

TEST(CheckpointWriterTest, TheNewestOfTheSavesThatWaitForSpaceIsWritten) {
  Disk disk;
  CheckpointWriter writer(SpaceShortage(60, [](const std::string&) {}));
  writer.begin(disk.save(1, true));
  disk.wait_for_tries(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it waits now
  writer.begin(disk.save(2, true));                            // and holds up nobody
  writer.begin(disk.save(3, true));
  writer.check();
  EXPECT_EQ(disk.tries, 1);
  disk.full = false;
  writer.wait();
  EXPECT_EQ(disk.written, std::vector<int>{3});
}

TEST(CheckpointWriterTest, ASaveThatARunMayGoBackToIsWaitedForNotLeftOut) {
  Disk disk;
  CheckpointWriter writer(SpaceShortage(60, [](const std::string&) {}));
  writer.begin(disk.save(1, false));
  disk.wait_for_tries(1);
  std::thread room([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    disk.full = false;
  });
  writer.begin(disk.save(2, true));
  writer.wait();
  room.join();
  EXPECT_EQ(disk.written, (std::vector<int>{1, 2}));
}

TEST(CheckpointWriterTest, AShortageThatLastsTooLongIsAFailureThatSaysHowLong) {
  Disk disk;
  std::vector<std::string> said;
  CheckpointWriter writer(
      SpaceShortage(0.3, [&](const std::string& line) { said.push_back(line); }));
  writer.begin(disk.save(1, true));
  try {
    writer.wait();
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kInputOutput);
    EXPECT_STREQ(error.what(),
                 "writing, tried again for 0 s: no space left on the device: free some and resume");
  }
  EXPECT_GE(disk.tries, 3);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0],
            "writing: no space left: make room within 0.3 s; the run goes on and tries again");
}

}  // namespace
}  // namespace allmodes::checkpoints
