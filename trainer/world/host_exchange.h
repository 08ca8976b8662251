#pragma once

// All-reduces of host memory. The ranks of one machine reduce in memory that they share: each adds
// up its own slice of the elements, as a binary tree over the ranks, and writes the result into
// every rank's buffer, so that each element crosses the memory bus once and the sum does not depend
// on timing. Between machines the ranks of equal place exchange their slices by MPI
// (machine_exchange.h).
//
// Memory from allocate() is reduced where it lies; other memory is copied through a window, piece
// by piece. An operation on the former is begun (nothing but a flag is written) and finished later:
// what happens in between, e.g. the rest of backward, hides the skew between the ranks, and with a
// thread of its own the exchange itself.
//
// Every rank makes the same calls in the same order, from one thread at a time.

#include "world/communicator.h"

#ifndef OMPI_SKIP_MPICXX  // the C++ bindings, removed from MPI-3, would have to be linked
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace allmodes::world {

class FlightLog;
class MachineExchange;
class SharedWindow;

struct HostExchangeOptions {
  // Memory of others goes through the window in pieces of so many bytes a rank; a multiple of 64.
  int64_t piece_bytes = int64_t{1} << 20;
  // Between machines sums of floats in memory from allocate() travel as bfloat16.
  bool bfloat16 = false;
  // Exchange on a thread of its own, behind the caller's work. Worth a core, if one is free.
  bool thread = false;
  FlightLog* log = nullptr;  // hears of progress within an exchange between machines
};

class HostExchange {
 public:
  // Collective over `group`, which must outlive the object. nullptr where it has nothing to offer:
  // machines with differing numbers of ranks. Throws kOsError when the machine has no shared
  // memory left.
  static std::unique_ptr<HostExchange> make(MPI_Comm group, HostExchangeOptions options);
  ~HostExchange();
  HostExchange(const HostExchange&) = delete;
  HostExchange& operator=(const HostExchange&) = delete;

  // Collective: `bytes`, the same on all ranks, of zeroed memory that is reduced where it lies.
  // Letting go of the last claim to it is collective too, except while an exception unwinds.
  std::shared_ptr<void> allocate(int64_t bytes);

  // Host buffer anywhere; done on return.
  void all_reduce(const Buffer& buffer, ReduceOp op);
  // Begins on a buffer in memory from allocate(), which must stand still until finish() of the
  // returned number; nothing for one elsewhere, or for one so small that all_reduce() is as soon
  // done as begun.
  std::optional<uint64_t> begin(const Buffer& buffer, ReduceOp op);
  void finish(uint64_t operation);
  // Finishes all that was begun; before any other collective.
  void drain();

 private:
  struct Operation {
    uint64_t number = 0;
    Buffer buffer;
    ReduceOp op = ReduceOp::sum;
    std::vector<std::byte*> places;  // of the buffer, by rank of the machine
  };

  struct Allocated {
    std::byte* own = nullptr;
    int64_t bytes = 0;
    std::weak_ptr<SharedWindow> window;
  };

  HostExchange(MPI_Comm node, MPI_Comm across, HostExchangeOptions options);

  // The allocated memory that the buffer lies in; nullptr for one that lies elsewhere.
  std::shared_ptr<SharedWindow> window_of(const Buffer& buffer) const;
  // Of a buffer in that memory, by rank of the machine.
  std::vector<std::byte*> places_of(const Buffer& buffer, const SharedWindow& window) const;
  // Operations begun are started in their order, each when all ranks of the machine are there; with
  // other machines the next ones start while the first are still on their way.
  bool advance();
  const Operation* next_to_start();
  void start(const Operation& operation);
  void spread(const Operation& operation);
  void end(const Operation& operation);
  // What is still the sum over all machines, where a mean was asked for.
  void divide_mean(std::byte* data, int64_t count, DataType type, ReduceOp op) const;
  void run_up_to(uint64_t number);
  void work();  // of the thread
  // [first, last) of `count` elements that a rank of the machine adds up.
  std::pair<int64_t, int64_t> slice(int64_t count, int rank) const;
  void arrive(uint64_t number, const Buffer& buffer, ReduceOp op);
  // A small message travels beside its flag, wherever the buffer lies, within one machine.
  bool fits_a_note(const Buffer& buffer) const;
  void reduce_notes(const Buffer& buffer, ReduceOp op);
  bool all_arrived(uint64_t number) const;
  // Throws where ranks of the machine do not mean the same operation.
  void check_descriptions(uint64_t number) const;
  void await_slices(uint64_t number);
  // `patient`: leaves the core to others at once.
  template <typename Done>
  void wait_until(Done done, bool patient = false);

  MPI_Comm node_ = MPI_COMM_NULL;
  int rank_ = 0;                               // on the machine
  int size_ = 1;                               // ranks of the machine
  std::unique_ptr<MachineExchange> machines_;  // null on one machine
  HostExchangeOptions options_;
  std::shared_ptr<SharedWindow> window_;          // flags, two notes and two slots a rank
  std::array<std::vector<std::byte*>, 2> slots_;  // by rank of the machine
  std::array<std::vector<std::byte*>, 2> notes_;  // what the notes say, by rank of the machine
  std::vector<Allocated> allocated_;
  uint64_t begun_ = 0;
  uint64_t last_in_place_ = 0;   // of those begun by begin()
  uint64_t reduced_by_all_ = 0;  // all ranks of the machine have said so
  uint64_t staged_ = 0;          // pieces through the window so far: their parity chooses the slot
  uint64_t written_ = 0;         // notes, likewise
  std::deque<Operation> waiting_;  // begun and not yet done; references to them hold
  size_t started_ = 0;             // of them, the first ones

  std::mutex mutex_;  // of waiting_, started_ and failure_ when there is a thread
  std::condition_variable changed_;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace allmodes::world
