#pragma once

#include "world/runtime.h"

#include <string>

namespace allmodes::run {

struct Threads {
  int compute = 1;        // of PyTorch's operators in this process
  bool exchange = false;  // one more, which exchanges gradients behind backward
};

// Sets PyTorch's threads, alike on all ranks (collective): OMP_NUM_THREADS, or this rank's part of
// the node, of which four threads and more leave one to the exchange; one where `single`. Between
// machines the exchange has a thread in any case, if MPI may be called from several at once.
Threads use_threads(world::Runtime& runtime, bool single = false);

// How gradients travel: "shared memory and MPI on a thread of its own".
std::string exchange_description(const world::World& world, bool cuda, const Threads& threads);

}  // namespace allmodes::run
