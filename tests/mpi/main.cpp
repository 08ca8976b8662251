// The main program of the tests under mpirun: every rank runs every test; rank 0 prints, and a
// failure on any rank prints there and fails all. A watchdog ends what hangs.

#include "world/runtime.h"
#include "world/watchdog.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <exception>

#include "mpi/control.h"

namespace {

constexpr double kLimit = 240;  // seconds without progress

// Prints the failures of a rank whose ordinary output is off.
class FailurePrinter : public ::testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}

 private:
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", rank_,
                   result.file_name() != nullptr ? result.file_name() : "?", result.line_number(),
                   result.summary());
  }
  int rank_;
};

class Feeder : public ::testing::EmptyTestEventListener {
 public:
  explicit Feeder(allmodes::world::FlightLog& log) : log_(log) {}

 private:
  void OnTestStart(const ::testing::TestInfo& test) override {
    log_.set_stage({allmodes::world::ShortText<40>(test.name())});
  }
  allmodes::world::FlightLog& log_;
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  // A skipped or unequal set of tests would leave ranks waiting for each other.
  GTEST_FLAG_SET(shuffle, false);
  allmodes::world::Runtime runtime;
  const allmodes::world::World world = runtime.world();
  try {
    allmodes::world::refuse_singletons(world);
    allmodes::testing::set_control(runtime);
    allmodes::world::Watchdog watchdog(runtime, {.limit_s = kLimit, .stage_limit_s = kLimit});
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    if (world.rank != 0) {
      delete listeners.Release(listeners.default_result_printer());
      listeners.Append(new FailurePrinter(world.rank));
    }
    listeners.Append(new Feeder(runtime.flight_log()));
    const int64_t failed = RUN_ALL_TESTS();
    const int64_t most = allmodes::world::all_reduce_value(runtime.control(), failed,
                                                           allmodes::world::ReduceOp::max);
    runtime.control().barrier("end");
    return static_cast<int>(most);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", world.rank, error.what());
    runtime.abort(1);
  }
}
