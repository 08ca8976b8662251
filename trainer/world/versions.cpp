#include "world/versions.h"

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#include <fmt/format.h>
#include <mpi.h>

#ifdef ALLMODES_WITH_CUDA
#include <cuda_runtime_api.h>
#include <nccl.h>
#endif

namespace allmodes::world {

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
  const std::string all(text, static_cast<size_t>(length));
  // "Open MPI v4.1.4, package: ..., ident: ..., repo rev: ...": the rest is about its build.
  return all.substr(0, all.find_first_of(",\n"));
}

#ifdef ALLMODES_WITH_CUDA

namespace {

std::string dotted(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

std::string nccl_version() {
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) return "unknown";
  return fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

std::string cuda_runtime_version() {
  int version = 0;
  return cudaRuntimeGetVersion(&version) == cudaSuccess ? dotted(version) : "unknown";
}

std::string cuda_driver_version() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess && version > 0 ? dotted(version) : "none";
}

#else

std::string nccl_version() {
  return "not built in";
}
std::string cuda_runtime_version() {
  return "not built in";
}
std::string cuda_driver_version() {
  return "none";
}

#endif

}  // namespace allmodes::world
