#pragma once

// All-reduces of host memory. The ranks of one node reduce in memory that they share: each adds up
// its own slice of the elements, as a binary tree over the ranks, so that the sum does not depend
// on timing. Between nodes the ranks of equal place exchange their slices by MPI (node_exchange.h).
//
// Three ways, each in a file that says why its memory may be written again: few bytes
// (inline_reduce.h), any memory, piece by piece through slots (staged_reduce.h), and memory from
// allocate() where it lies (in_place_reduce.h). An operation of the last kind is begun and finished
// later: what happens in between, e.g. the rest of backward, hides the skew between the ranks, and
// with a thread of its own the exchange itself.
//
// Every rank makes the same calls in the same order, from one thread at a time.

#include "world/communicator.h"
#include "world/in_place_reduce.h"
#include "world/inline_reduce.h"
#include "world/meeting.h"
#include "world/staged_reduce.h"

#ifndef OMPI_SKIP_MPICXX  // the C++ bindings, removed from MPI-3, would have to be linked
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace allmodes::world {

class FlightLog;
class NodeExchange;
class SharedWindow;

struct HostExchangeOptions {
  // Memory of others goes through the window in pieces of so many bytes a rank; a multiple of 64.
  int64_t piece_bytes = int64_t{1} << 20;
  // Between nodes sums of floats in memory from allocate() travel as bfloat16.
  bool bfloat16 = false;
  // Exchange on a thread of its own, behind the caller's work. Worth a core, if one is free.
  bool thread = false;
  FlightLog* log = nullptr;  // hears of progress within an exchange between nodes
};

class HostExchange {
 public:
  // Collective over `group`, which must outlive the object. nullptr where it has nothing to offer:
  // nodes with differing numbers of ranks. Throws kOsError when the node has no shared memory left.
  static std::unique_ptr<HostExchange> make(MPI_Comm group, HostExchangeOptions options);
  // Collective, except while an exception unwinds; then it waits for no other rank.
  ~HostExchange();
  HostExchange(const HostExchange&) = delete;
  HostExchange& operator=(const HostExchange&) = delete;

  // Collective: `bytes`, the same on all ranks, of zeroed memory that is reduced where it lies.
  // Letting go of the last claim to it is collective too, except while an exception unwinds.
  std::shared_ptr<void> allocate(int64_t bytes);

  // Host buffer anywhere; done on return.
  void all_reduce(const Buffer& buffer, ReduceOp op);
  // Begins on a buffer in memory from allocate(), which must stand still until finish() of the
  // returned number; nullopt if the buffer is not from allocate(), or so small that all_reduce() is
  // as fast.
  std::optional<uint64_t> begin(const Buffer& buffer, ReduceOp op);
  void finish(uint64_t operation) { in_place_->finish(operation); }
  // Finishes all that was begun; before any other collective.
  void drain() { in_place_->drain(); }

 private:
  struct Allocated {
    std::byte* own = nullptr;
    int64_t bytes = 0;
    std::weak_ptr<SharedWindow> window;
  };

  HostExchange(MPI_Comm node, MPI_Comm across, HostExchangeOptions options);

  // The allocated memory that the buffer lies in; nullptr for one that lies elsewhere.
  std::shared_ptr<SharedWindow> window_of(const Buffer& buffer) const;
  bool goes_inline(const Buffer& buffer) const;

  MPI_Comm node_ = MPI_COMM_NULL;
  std::unique_ptr<NodeExchange> nodes_;   // null on one node
  std::shared_ptr<SharedWindow> window_;  // of each rank: its head, inline places and slots
  std::optional<Meeting> meeting_;
  std::optional<InlineReduce> inline_;
  std::optional<StagedReduce> staged_;
  std::optional<InPlaceReduce> in_place_;
  std::vector<Allocated> allocated_;
};

}  // namespace allmodes::world
