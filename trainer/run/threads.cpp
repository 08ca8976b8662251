#include "run/threads.h"

#include <ATen/Parallel.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
#include <thread>

namespace allmodes::run {

namespace {

// Where a rank may run: its node and the processors that its launcher left it.
struct Place {
  int64_t node = 0;
  cpu_set_t processors = {};
};

// The processors of this rank's machine that its ranks may run on, shared out among them, but no
// more than this rank's own: a launcher may have bound each to a few.
int share_of_machine(const world::World& world, world::Communicator& control) {
  Place mine{.node = world.node};
  if (sched_getaffinity(0, sizeof mine.processors, &mine.processors) != 0)
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / world.local_size);
  cpu_set_t all = {};
  for (const auto& bytes : control.all_gather_v(std::as_bytes(std::span(&mine, 1)))) {
    Place other;
    std::memcpy(&other, bytes.data(), std::min(sizeof other, bytes.size()));
    if (other.node == mine.node) CPU_OR(&all, &all, &other.processors);
  }
  return std::min(CPU_COUNT(&mine.processors), CPU_COUNT(&all) / world.local_size);
}

}  // namespace

Threads use_threads(world::Runtime& runtime, bool single) {
  const world::World& world = runtime.world();
  const int share = share_of_machine(world, runtime.control());
  Threads threads;
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) threads.compute = std::atoi(wanted);
  if (threads.compute < 1)
    threads.compute = share >= 4 && world.size > 1 ? share - 1 : std::max(1, share);
  if (single) threads.compute = 1;
  // The fewest over all ranks: other numbers of threads sum in another order and so round
  // otherwise.
  threads.compute = static_cast<int>(
      world::all_reduce_value<int64_t>(runtime.control(), threads.compute, world::ReduceOp::min));
  // Where the ranks' threads leave no core free, the exchange runs between operators; but that with
  // other machines waits more than it works, and asks for no core of its own.
  threads.exchange =
      world.nodes > 1 ? runtime.concurrent_mpi() : world.size > 1 && share > threads.compute;
  at::set_num_threads(threads.compute);
  return threads;
}

std::string exchange_description(const world::World& world, bool cuda, const Threads& threads) {
  if (world.size == 1) return "memory";
  if (cuda) return "NCCL";
  const std::string by = world.nodes == world.size ? "MPI"
                         : world.nodes == 1        ? "shared memory"
                                                   : "shared memory and MPI";
  return by + (threads.exchange ? " on a thread of its own" : "");
}

}  // namespace allmodes::run
