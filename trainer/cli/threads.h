#pragma once

#include "world/runtime.h"

namespace allmodes::cli {

// Sets the threads of PyTorch's operators in this process, and returns their number:
// OMP_NUM_THREADS, or this rank's part of the node.
int use_threads(const world::World& world);

}  // namespace allmodes::cli
