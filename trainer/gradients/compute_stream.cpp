#include "gradients/compute_stream.h"

#ifdef ALLMODES_WITH_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

namespace allmodes::gradients {

world::Stream compute_stream([[maybe_unused]] c10::Device device) {
#ifdef ALLMODES_WITH_CUDA
  if (device.is_cuda()) return c10::cuda::getCurrentCUDAStream(device.index()).stream();
#endif
  return nullptr;
}

}  // namespace allmodes::gradients
