#include "cli/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace allmodes::cli {

Threads use_threads(const world::World& world, world::Communicator& control, bool single) {
  const int share = static_cast<int>(std::thread::hardware_concurrency()) / world.local_size;
  Threads threads;
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) threads.compute = std::atoi(wanted);
  if (threads.compute < 1)
    threads.compute = share >= 4 && world.size > 1 ? share - 1 : std::max(1, share);
  if (single) threads.compute = 1;
  // The fewest over all ranks: other numbers of threads sum in another order and so round otherwise.
  threads.compute = static_cast<int>(
      world::all_reduce_value<int64_t>(control, threads.compute, world::ReduceOp::min));
  // Where the ranks' threads leave no core free, the exchange runs between operators.
  threads.exchange = world.size > 1 && share > threads.compute;
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

}  // namespace allmodes::cli
