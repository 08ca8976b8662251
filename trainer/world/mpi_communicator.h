#pragma once

// Collectives through MPI. Host memory is reduced in place; device memory is staged through pinned
// host memory, which works between any two GPUs (also two ranks on one) but makes the host wait.

#include "world/communicator.h"
#include "world/staging.h"

#ifndef OMPI_SKIP_MPICXX  // the C++ bindings, removed from MPI-3, would have to be linked
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <climits>

namespace allmodes::world {

// Throws kProtocol, naming `call` and `rank`, unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call, int rank);

struct MpiOptions {
  // Large messages go in pieces of so many bytes: Open MPI moves 100 MiB three times as fast in
  // pieces that stay in the cache. A multiple of 8.
  int64_t piece_bytes = int64_t{1} << 20;
  // all_gather_v of more bytes in all is done rank by rank: MPI counts in int.
  int64_t gather_limit = INT_MAX;
};

class MpiCommunicator final : public Communicator {
 public:
  // Duplicates `parent` (collective), so that messages never meet those of another owner, and makes
  // errors return. MPI must be initialized; the object must be gone before MPI is finalized.
  static std::unique_ptr<MpiCommunicator> duplicate(MPI_Comm parent, MpiOptions options = {});

  ~MpiCommunicator() override;

 private:
  MpiCommunicator(MPI_Comm own, int rank, int size, MpiOptions options);
  static std::unique_ptr<MpiCommunicator> adopt(MPI_Comm own, MpiOptions options);

  // Calls work(host pointer, elements) on each piece of the buffer, staged if on a device.
  template <typename Work>
  void in_pieces(const Buffer& buffer, Stream stream, bool write_back, Work work);

  Ticket do_all_reduce(Buffer buffer, ReduceOp op, Stream stream) override;
  Ticket do_reduce(Buffer buffer, ReduceOp op, int root, Stream stream) override;
  Ticket do_broadcast(Buffer buffer, int root, Stream stream) override;
  std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte> mine) override;
  void do_barrier() override;
  std::unique_ptr<Communicator> do_split(int color, int key) override;

  MPI_Comm own_;
  MpiOptions options_;
  Staging staging_;
};

}  // namespace allmodes::world
