#pragma once

// Collectives through MPI. Host memory is reduced in place; device memory is staged through pinned
// host memory, which works between any two GPUs (also two ranks on one) but makes the host wait.

#include "world/communicator.h"
#include "world/host_exchange.h"
#include "world/staging.h"

#ifndef OMPI_SKIP_MPICXX  // the C++ bindings, removed from MPI-3, would have to be linked
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <climits>

namespace allmodes::world {

// Throws kProtocol, naming `call` and `rank`, unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call, int rank);

MPI_Datatype mpi_type(DataType type);
// A mean is a sum that is divided afterwards.
MPI_Op mpi_op(ReduceOp op);

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

  void prefer_thread() override { thread_ = true; }
  void prefer_bfloat16() override { bfloat16_ = true; }

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
  std::shared_ptr<void> do_allocate(int64_t bytes) override;

  // Made at its first use, which is collective; nullptr where MPI alone has to do.
  HostExchange* exchange();
  // What was begun in shared memory comes before any other call.
  void drain();

  MPI_Comm own_;
  MpiOptions options_;
  Staging staging_;
  bool thread_ = false;
  bool bfloat16_ = false;
  bool has_exchange_ = false;  // exchange_ has been decided upon
  std::unique_ptr<HostExchange> exchange_;
};

}  // namespace allmodes::world
