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

void use_own_stream([[maybe_unused]] c10::Device device) {
#ifdef ALLMODES_WITH_CUDA
  if (device.is_cuda())
    c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool(false, device.index()));
#endif
}

}  // namespace allmodes::gradients
