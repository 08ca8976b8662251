#pragma once

#include <sched.h>

#include <cstdint>
#include <string>

#include "world/communicator.h"
#include "world/runtime.h"

namespace allmodes::run {

struct Threads {
  int compute = 1;        // of PyTorch's operators in this process
  bool exchange = false;  // one more, which exchanges gradients behind backward
};

// Where a rank may run.
struct RankPlace {
  int64_t node = 0;
  cpu_set_t processors = {};  // that its launcher left it
  double quota = 0;           // of processors, by a control group; 0: none
  uint64_t quota_group = 0;   // ranks of a node with one group share its quota
};

// Of this process.
RankPlace own_place(int node);

// Collective. Processors for this rank, at least 1: those of its node that the node's ranks may run
// on, shared out among them, but no more than its own and than its part of its group's quota.
int share_of_node(const RankPlace& mine, world::Communicator& control);

// Sets PyTorch's threads, alike on all ranks (collective): OMP_NUM_THREADS, or this rank's part of
// the node, of which four threads and more leave one to the exchange; one where `single`. Between
// nodes the exchange has a thread in any case, if MPI may be called from several at once.
Threads use_threads(world::Runtime& runtime, bool single = false);

// How gradients travel: "shared memory and MPI on a thread of its own".
std::string exchange_description(const world::World& world, bool cuda, const Threads& threads);

}  // namespace allmodes::run
