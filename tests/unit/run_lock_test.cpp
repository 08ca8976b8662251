#include "run/run_lock.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "base/error.h"

namespace allmodes::run {
namespace {

using ::testing::HasSubstr;

class RunLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("allmodes-lock-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string text() const {
    std::ifstream file(folder_ / "lock");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path folder_;
};

TEST_F(RunLockTest, TheSecondJobIsToldWhoHoldsTheRun) {
  const RunLock first(folder_, "node7", 0);
  try {
    const RunLock second(folder_, "node8", 0.2);
    FAIL() << "two jobs hold one run";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCannotCreate);
    EXPECT_THAT(error.what(),
                HasSubstr("process " + std::to_string(::getpid()) + " on node7 since"));
  }
}

TEST_F(RunLockTest, AHolderThatHasGoneLeavesTheRunFree) {
  { const RunLock first(folder_, "node7", 0); }
  EXPECT_EQ(text(), "");
  const RunLock second(folder_, "node8", 0);
  EXPECT_THAT(text(), HasSubstr("on node8"));
}

TEST_F(RunLockTest, MovingItKeepsItHeld) {
  RunLock first(folder_, "node7", 0);
  const RunLock moved = std::move(first);
  EXPECT_THROW(RunLock(folder_, "node8", 0), Error);
}

}  // namespace
}  // namespace allmodes::run
