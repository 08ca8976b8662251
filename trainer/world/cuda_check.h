#pragma once

// Checks of the CUDA runtime; included only where ALLMODES_WITH_CUDA is defined.

#include "base/error.h"

#include <cuda_runtime_api.h>

namespace allmodes::world {

// Throws kProtocol, naming `call`, unless `code` is cudaSuccess.
inline void check_cuda(cudaError_t code, const char* call) {
  if (code != cudaSuccess)
    ALLMODES_FAIL(ExitCode::kProtocol, "{} failed: {} ({})", call, cudaGetErrorString(code),
                  cudaGetErrorName(code));
}

}  // namespace allmodes::world
