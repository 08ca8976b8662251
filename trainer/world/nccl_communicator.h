#pragma once

// Collectives between GPUs through NCCL; compiled only where ALLMODES_WITH_CUDA is defined.

#include "world/communicator.h"

#include <memory>

namespace allmodes::world {

// Collective over `control`. A group of the same ranks whose device buffers travel by NCCL on a
// high-priority stream of its own, joined to the caller's stream by events; host buffers and bytes
// go through a duplicate of `control`. `device` is the CUDA ordinal, one GPU a rank. The id of the
// group travels through `control`. Errors that NCCL finds later are thrown by the next collective
// or by check_health(), which another thread may call.
std::unique_ptr<Communicator> make_nccl_communicator(Communicator& control, int device);

}  // namespace allmodes::world
