#pragma once

#include "world/runtime.h"

#include <string>

namespace allmodes::cli {

struct Threads {
  int compute = 1;        // of PyTorch's operators in this process
  bool exchange = false;  // one more, which exchanges gradients behind backward
};

// Sets PyTorch's threads, alike on all ranks (collective): OMP_NUM_THREADS, or this rank's part of
// the node, of which four threads and more leave one to the exchange; one where `single`.
Threads use_threads(const world::World& world, world::Communicator& control, bool single = false);

// How gradients travel: "shared memory and MPI on a thread of its own".
std::string exchange_description(const world::World& world, bool cuda, const Threads& threads);

}  // namespace allmodes::cli
