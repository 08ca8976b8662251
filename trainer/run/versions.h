#pragma once

#include <string>

namespace allmodes::run {

std::string libtorch_version();
// "LibTorch 2.11.0, Open MPI v4.1.4, NCCL 2.28.9, protobuf 3.21.12"
std::string library_versions();

}  // namespace allmodes::run
