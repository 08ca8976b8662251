#include "run/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <thread>

#include "base/cpu_quota.h"

namespace allmodes::run {

namespace {

// The processors that this process may run on; all that there are where the system does not say, as
// on a machine of more than 1024.
cpu_set_t own_processors() {
  cpu_set_t processors = {};
  if (sched_getaffinity(0, sizeof processors, &processors) == 0) return processors;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    CPU_SET(i, &processors);
  return processors;
}

}  // namespace

RankPlace own_place(int node) {
  const std::optional<CpuQuota> quota = cpu_quota();
  return {.node = node,
          .processors = own_processors(),
          .quota = quota ? quota->processors : 0,
          .quota_group = quota ? std::hash<std::string>{}(quota->group) : 0};
}

int share_of_node(const RankPlace& mine, world::Communicator& control) {
  cpu_set_t all = {};
  int ranks = 0, ranks_of_quota = 0;
  for (const auto& bytes : control.all_gather_v(std::as_bytes(std::span(&mine, 1)))) {
    RankPlace other;
    std::memcpy(&other, bytes.data(), std::min(sizeof other, bytes.size()));
    if (other.node != mine.node) continue;
    ++ranks;
    CPU_OR(&all, &all, &other.processors);
    if (other.quota_group == mine.quota_group) ++ranks_of_quota;
  }
  int share = std::min(CPU_COUNT(&mine.processors), CPU_COUNT(&all) / ranks);
  if (mine.quota > 0) share = std::min(share, static_cast<int>(mine.quota / ranks_of_quota));
  return std::max(1, share);
}

Threads use_threads(world::Runtime& runtime, bool single) {
  const world::World& world = runtime.world();
  const int share = share_of_node(own_place(world.node), runtime.control());
  Threads threads;
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) threads.compute = std::atoi(wanted);
  if (threads.compute < 1) threads.compute = share >= 4 && world.size > 1 ? share - 1 : share;
  if (single) threads.compute = 1;
  // The fewest over all ranks: other numbers of threads sum in another order and so round
  // otherwise.
  threads.compute = static_cast<int>(
      world::all_reduce_value<int64_t>(runtime.control(), threads.compute, world::ReduceOp::min));
  // Where the ranks' threads leave no core free, the exchange runs between operators; but that with
  // other nodes waits more than it works, and asks for no core of its own.
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
