#pragma once

// Collectives over a group of ranks. Every rank of the group calls the same collectives in the same
// order with the same type, count, operation and root; a call may block until the others make it.
//
// Buffers are reduced and broadcast in place. On the host the work is done when the call returns;
// only all_reduce of memory from allocate() may be done later, and is when ticket.wait() returns.
// On a device the call only enqueues: it starts after the work already on `stream`, and its result
// may be read after `ticket.wait(stream)`, which makes that stream wait, never the host.
//
// A communicator is used by one thread at a time. Failures throw Error (kProtocol) that names call,
// rank and cause; the communicator is unusable afterwards and the job has to end.

#include "world/flight_log.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace allmodes::world {

enum class DataType { f32, f64, i64, u8 };
enum class ReduceOp { sum, max, min, mean };  // mean: of f32 and f64 only
enum class Place { host, device };

int64_t size_of(DataType type);  // bytes
std::string name_of(DataType type);
std::string name_of(ReduceOp op);

// `count` contiguous elements; not owned.
struct Buffer {
  void* data = nullptr;
  int64_t count = 0;
  DataType type = DataType::f32;
  Place place = Place::host;
  // What it is, for the flight log: "generator, bucket 1 of 3". Outlives the call.
  std::string_view label = {};

  int64_t bytes() const { return count * size_of(type); }
};

// A cudaStream_t; nullptr is the default stream, and what host code passes.
using Stream = void*;

// How an asynchronous collective is waited for; implemented by the device communicator.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void wait(Stream compute) = 0;
};

// The claim on a collective's result. Dropping it does not cancel the collective.
class Ticket {
 public:
  Ticket() = default;  // already complete
  explicit Ticket(std::unique_ptr<Completion> completion) : completion_(std::move(completion)) {}

  // Whether there is nothing to wait for.
  bool done() const { return completion_ == nullptr; }
  // Work enqueued on `compute` from now on sees the result. A host buffer holds it on return.
  void wait(Stream compute) {
    if (completion_ != nullptr) completion_->wait(compute);
  }

 private:
  std::unique_ptr<Completion> completion_;
};

class Communicator {
 public:
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  int rank() const { return rank_; }  // in [0, size)
  int size() const { return size_; }  // >= 1

  // Every rank's buffer becomes the reduction over all ranks, the same bits on each.
  [[nodiscard]] Ticket all_reduce(Buffer buffer, ReduceOp op, Stream stream);
  // As all_reduce, on `root` alone; the other ranks' buffers are left as they were.
  [[nodiscard]] Ticket reduce(Buffer buffer, ReduceOp op, int root, Stream stream = nullptr);
  // Every rank's buffer becomes root's.
  [[nodiscard]] Ticket broadcast(Buffer buffer, int root, Stream stream);
  // Every rank's bytes, in rank order; lengths may differ and may be 0. Host memory.
  std::vector<std::vector<std::byte>> all_gather_v(std::span<const std::byte> mine,
                                                   std::string_view label = {});
  // Returns after every rank has called it. Orders hosts, not device streams.
  void barrier(std::string_view label = {});
  // Ranks of one color form a group, ordered by key, then by rank. Color < 0: no group, nullptr.
  std::unique_ptr<Communicator> split(int color, int key);
  // Zeroed host memory, 64-byte aligned, that all_reduce works on fastest. Collective, with the
  // same `bytes` (> 0) on every rank; so is letting go of the last claim to it. To be let go of
  // before the communicator.
  std::shared_ptr<void> allocate(int64_t bytes);
  // All-reduces of such memory may run on a thread of their own behind the caller's work. Before
  // the first collective.
  virtual void prefer_thread() {}
  // Sums of floats in such memory travel between nodes as bfloat16, half the bytes; they are
  // taken in float32. The same bits on every rank, fewer of them. Before the first collective.
  virtual void prefer_bfloat16() {}
  // Throws if an error that no call has reported yet has broken the group; does not block.
  virtual void check_health() {}

  // From now on each collective of this communicator, and of those split from it, leaves a line in
  // `log`, which outlives them; nullptr: in none.
  void record_into(FlightLog* log) { log_ = log; }
  FlightLog* flight_log() const { return log_; }

 protected:
  Communicator(int rank, int size) : rank_(rank), size_(size) {}

  virtual std::shared_ptr<void> do_allocate(int64_t bytes);

 private:
  virtual Ticket do_all_reduce(Buffer buffer, ReduceOp op, Stream stream) = 0;
  virtual Ticket do_reduce(Buffer buffer, ReduceOp op, int root, Stream stream) = 0;
  virtual Ticket do_broadcast(Buffer buffer, int root, Stream stream) = 0;
  virtual std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte> mine) = 0;
  virtual void do_barrier() = 0;
  virtual std::unique_ptr<Communicator> do_split(int color, int key) = 0;

  int rank_;
  int size_;
  FlightLog* log_ = nullptr;
};

// A group of one; makes no call to any library.
std::unique_ptr<Communicator> make_self_communicator();

// ---- host values ----------------------------------------------------------------------------

template <typename T>
consteval DataType data_type_of() {
  if constexpr (std::is_same_v<T, float>) return DataType::f32;
  if constexpr (std::is_same_v<T, double>) return DataType::f64;
  if constexpr (std::is_same_v<T, int64_t>) return DataType::i64;
  if constexpr (std::is_same_v<T, uint8_t>) return DataType::u8;
}

template <typename T>
Buffer host_buffer(std::span<T> values) {
  return {values.data(), static_cast<int64_t>(values.size()), data_type_of<T>(), Place::host};
}

// Collectives on host memory, complete on return. T: float, double, int64_t or uint8_t.
template <typename T>
void all_reduce_host(Communicator& communicator, std::span<T> values, ReduceOp op) {
  communicator.all_reduce(host_buffer(values), op, nullptr).wait(nullptr);
}

template <typename T>
void broadcast_host(Communicator& communicator, std::span<T> values, int root) {
  communicator.broadcast(host_buffer(values), root, nullptr).wait(nullptr);
}

template <typename T>
T all_reduce_value(Communicator& communicator, T value, ReduceOp op) {
  all_reduce_host(communicator, std::span<T>(&value, 1), op);
  return value;
}

// Every rank's text, in rank order.
std::vector<std::string> all_gather_text(Communicator& communicator, const std::string& mine);

// Divides each element by `divisor` (f32, f64): the second half of a mean on the host.
void divide_host(void* data, int64_t count, DataType type, int divisor);

}  // namespace allmodes::world
