// Jobs that end badly on purpose: mpi_scenes NAME, under mpirun; the scripts beside this file say
// what is right.
//
//   late_failure    on rank 1 a communicator fails after its call has returned, as NCCL does
//   silent_stderr   rank 1 freezes itself, and nobody reads rank 0's stderr, which is full
//   lonely_begin    rank 0 begins an all-reduce on the exchange's thread that rank 1 does not, and
//   fails slow_start      rank 1 comes to MPI_Init when its time is over frozen_end      rank 1
//   freezes itself when all work is done

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "world/mpi_communicator.h"
#include "world/runtime.h"
#include "world/watchdog.h"

namespace allmodes::testing {
namespace {

// Fails three tenths of a second after it was made.
class LateFailure final : public world::Communicator {
 public:
  LateFailure() : Communicator(0, 1) {}
  void check_health() override {
    if (std::chrono::steady_clock::now() > fails_at_)
      ALLMODES_FAIL(ExitCode::kProtocol, "the network card has gone");
  }

 private:
  world::Ticket do_all_reduce(world::Buffer, world::ReduceOp, world::Stream) override { return {}; }
  world::Ticket do_reduce(world::Buffer, world::ReduceOp, int, world::Stream) override {
    return {};
  }
  world::Ticket do_broadcast(world::Buffer, int, world::Stream) override { return {}; }
  std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte>) override {
    return {};
  }
  void do_barrier() override {}
  std::unique_ptr<Communicator> do_split(int, int) override { return nullptr; }

  std::chrono::steady_clock::time_point fails_at_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
};

constexpr world::WatchLimits kLimits{.limit_s = 4, .stage_limit_s = 600};

void late_failure(world::Runtime& runtime) {
  world::Watchdog watchdog(runtime, kLimits);
  LateFailure group;
  std::shared_ptr<void> watched;
  if (runtime.world().rank == 1) watched = watchdog.watch(group);
  std::this_thread::sleep_for(std::chrono::seconds(60));
}

// Puts a full pipe in the place of stderr, and holds its lock as a thread that writes there does.
void silence_stderr() {
  int ends[2] = {};
  if (pipe(ends) != 0) std::abort();
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::vector<char> filling(4096, 'x');
  while (write(ends[1], filling.data(), filling.size()) > 0) {
  }
  fcntl(ends[1], F_SETFL, 0);
  dup2(ends[1], STDERR_FILENO);
  std::thread([] {
    flockfile(stderr);
    std::this_thread::sleep_for(std::chrono::hours(1));
  }).detach();
}

void silent_stderr(world::Runtime& runtime) {
  const world::Watchdog watchdog(runtime, kLimits);
  runtime.control().barrier();
  if (runtime.world().rank == 1) std::raise(SIGSTOP);
  silence_stderr();
  std::this_thread::sleep_for(std::chrono::seconds(60));
}

void lonely_begin(world::Runtime& runtime) {
  const auto group = runtime.control().split(0, runtime.world().rank);
  group->prefer_thread();
  const auto memory = group->allocate(1 << 20);
  runtime.control().barrier();
  if (runtime.world().rank == 1) std::this_thread::sleep_for(std::chrono::seconds(60));
  const auto ticket =
      group->all_reduce({memory.get(), (1 << 20) / 4}, world::ReduceOp::sum, nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // its thread waits for rank 1
  ALLMODES_FAIL(ExitCode::kDataError, "the cause that the user has to see");
}

void frozen_end(world::Runtime& runtime) {
  runtime.control().barrier();
  if (runtime.world().rank == 1) std::raise(SIGSTOP);
}

int play(const std::string& name) {
  const std::map<std::string, std::function<void(world::Runtime&)>> scenes{
      {"late_failure", late_failure},
      {"silent_stderr", silent_stderr},
      {"lonely_begin", lonely_begin},
      {"frozen_end", frozen_end},
      {"slow_start", [](world::Runtime&) {}},
      {"calm", [](world::Runtime& runtime) {
         runtime.control().barrier();
         std::this_thread::sleep_for(std::chrono::seconds(10));
       }}};
  const auto scene = scenes.find(name);
  if (scene == scenes.end()) return static_cast<int>(ExitCode::kUsage);
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (name == "slow_start" && rank != nullptr && std::string(rank) == "1")
    std::this_thread::sleep_for(std::chrono::seconds(60));
  std::unique_ptr<world::Runtime> runtime;
  try {
    runtime = std::make_unique<world::Runtime>();
    scene->second(*runtime);
  } catch (const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    if (runtime == nullptr) return static_cast<int>(error.code());
    runtime->abort(static_cast<int>(error.code()));
  }
  return 0;
}

}  // namespace
}  // namespace allmodes::testing

int main(int argc, char** argv) {
  return allmodes::testing::play(argc == 2 ? argv[1] : "");
}
