#pragma once

#include <c10/core/Device.h>

#include "world/communicator.h"

namespace allmodes::gradients {

// The stream that PyTorch's operators run on: the current CUDA stream, or nullptr on a CPU.
world::Stream compute_stream(c10::Device device);

// Gives the calling thread a stream of its own on a GPU, as recording a CUDA graph needs; call it
// before anything is made there. Nothing for the CPU.
void use_own_stream(c10::Device device);

}  // namespace allmodes::gradients
