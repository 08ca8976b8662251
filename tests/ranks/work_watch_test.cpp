// A loader that gets on tells the watchdog so; one that stands still does not.

#include "run/work_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

namespace allmodes::run {
namespace {

TEST(WorkWatch, ComputingReadingAndMappedPagesAreMoves) {
  const WorkDone before{.cpu_s = 3, .bytes_read = 1000, .pages_read = 7};
  EXPECT_FALSE(has_moved(before, before, 1));
  EXPECT_FALSE(has_moved(before, {.cpu_s = 3.01, .bytes_read = 1500, .pages_read = 7}, 1));
  EXPECT_TRUE(has_moved(before, {.cpu_s = 3.06, .bytes_read = 1000, .pages_read = 7}, 1));
  EXPECT_FALSE(has_moved(before, {.cpu_s = 3.06, .bytes_read = 1000, .pages_read = 7}, 10));
  EXPECT_TRUE(has_moved(before, {.cpu_s = 3, .bytes_read = 2100, .pages_read = 7}, 1));
  EXPECT_TRUE(has_moved(before, {.cpu_s = 3, .bytes_read = 1000, .pages_read = 8}, 1));
}

TEST(WorkWatch, CountsWhatThisProcessReads) {
  const WorkDone before = work_done();
  std::ifstream zeros("/dev/zero", std::ios::binary);
  std::vector<char> bytes(1 << 20);
  zeros.read(bytes.data(), std::ssize(bytes));
  EXPECT_GE(work_done().bytes_read - before.bytes_read, 1U << 20);
}

TEST(WorkWatch, NotesProgressWhileTheProcessComputesAndNoneWhileItSleeps) {
  world::FlightLog log;
  const auto progress_in = [&](auto work) {
    const auto before = log.progress();
    const WorkWatch watch(&log);
    work();
    return log.progress() - before;
  };
  const auto until = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(3); };
  EXPECT_EQ(progress_in([&] { std::this_thread::sleep_until(until()); }), 0U);
  EXPECT_GE(progress_in([&, end = until()] {
              while (std::chrono::steady_clock::now() < end) {
              }
            }),
            1U);
}

}  // namespace
}  // namespace allmodes::run
