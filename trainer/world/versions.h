#pragma once

// Versions of the libraries as found at run time, for the start-up table and `doctor`. None of
// these needs MPI to be initialized, a GPU or a driver.

#include <string>

namespace allmodes::world {

std::string mpi_version();           // "Open MPI v4.1.4"
std::string nccl_version();          // "2.28.9"; "not built in" without CUDA
std::string cuda_runtime_version();  // "13.0"; "not built in" without CUDA
// The newest CUDA that the NVIDIA driver supports, "13.1"; "none" without a driver.
std::string cuda_driver_version();

}  // namespace allmodes::world
