#pragma once

// Memory of one size for each rank of a node, readable and writable by all of them.

#ifndef OMPI_SKIP_MPICXX  // the C++ bindings, removed from MPI-3, would have to be linked
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace allmodes::world {

class SharedWindow {
 public:
  // Collective over the ranks of `node`, which share memory. Zeroed. Throws kOsError.
  SharedWindow(MPI_Comm node, int64_t bytes);
  // Collective, except while an exception unwinds: then the memory is left to the process's end.
  ~SharedWindow();
  SharedWindow(const SharedWindow&) = delete;
  SharedWindow& operator=(const SharedWindow&) = delete;

  int64_t bytes() const { return bytes_; }
  // Of the calling rank, or of any.
  std::byte* own() const { return bases_[static_cast<size_t>(rank_)]; }
  const std::vector<std::byte*>& bases() const { return bases_; }

 private:
  MPI_Win window_ = MPI_WIN_NULL;
  int rank_ = 0;
  int64_t bytes_ = 0;
  std::vector<std::byte*> bases_;  // by rank of the node, 64-byte aligned
};

}  // namespace allmodes::world
