#include "run/versions.h"

#include <fmt/format.h>
#include <torch/version.h>

#include "run/protobuf_version.h"
#include "world/versions.h"

namespace allmodes::run {

std::string libtorch_version() {
  return TORCH_VERSION;
}

std::string library_versions() {
  return fmt::format("LibTorch {}, {}, NCCL {}, protobuf {}", libtorch_version(),
                     world::mpi_version(), world::nccl_version(), protobuf_version());
}

}  // namespace allmodes::run
