#pragma once

#include <c10/core/Device.h>

#include "world/communicator.h"

namespace allmodes::gradients {

// The stream that PyTorch's operators run on: the current CUDA stream, or nullptr on a CPU.
world::Stream compute_stream(c10::Device device);

}  // namespace allmodes::gradients
