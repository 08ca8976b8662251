// Of a process that hangs, the files that its threads wait for.

#include "world/file_waits.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

namespace allmodes::world {
namespace {

TEST(FileWaits, NameTheCallAndTheFileOfEachThreadThatWaits) {
  if (::access("/proc/self/task/", X_OK) != 0 || ::access("/proc/self/syscall", R_OK) != 0)
    GTEST_SKIP() << "this kernel does not say in which calls threads are";
  // A pipe with a name answers nothing as long as nobody writes.
  const auto path =
      (std::filesystem::temp_directory_path() / ("allmodes-waits-" + std::to_string(::getpid())))
          .string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int pipe = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(pipe, 0);
  EXPECT_THAT(file_waits(), ::testing::Not(::testing::Contains("read of '" + path + "'")));
  std::thread reader([pipe] {
    char byte = 0;
    EXPECT_EQ(::read(pipe, &byte, 1), 1);
  });
  std::vector<std::string> waits;
  for (int tries = 0; tries < 500 && waits.empty(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    for (const auto& each : file_waits())
      if (each.find(path) != std::string::npos) waits.push_back(each);
  }
  EXPECT_THAT(waits, ::testing::ElementsAre("read of '" + path + "'"));
  EXPECT_EQ(::write(pipe, "x", 1), 1);
  reader.join();
  ::close(pipe);
  std::filesystem::remove(path);
}

TEST(FileWaits, AreNoneWhereTheKernelDoesNotSay) {
  EXPECT_TRUE(file_waits("/no such root").empty());
}

}  // namespace
}  // namespace allmodes::world
