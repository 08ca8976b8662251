#include "world/nccl_communicator.h"

#include "base/error.h"
#include "world/cuda_check.h"

#include <nccl.h>

#include <exception>
#include <mutex>
#include <vector>

namespace allmodes::world {
namespace {

void check_nccl(ncclResult_t code, const char* call, int rank, ncclComm_t group = nullptr) {
  if (code == ncclSuccess) return;
  const char* detail = ncclGetLastError(group);
  ALLMODES_FAIL(ExitCode::kProtocol, "{} failed on rank {}: {} ({}); NCCL_DEBUG=INFO says more",
                call, rank, ncclGetErrorString(code), detail != nullptr ? detail : "no detail");
}

ncclDataType_t nccl_type(DataType type) {
  switch (type) {
    case DataType::f32:
      return ncclFloat32;
    case DataType::f64:
      return ncclFloat64;
    case DataType::i64:
      return ncclInt64;
    case DataType::u8:
      return ncclUint8;
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such data type: {}", static_cast<int>(type));
}

ncclRedOp_t nccl_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return ncclSum;
    case ReduceOp::max:
      return ncclMax;
    case ReduceOp::min:
      return ncclMin;
    case ReduceOp::mean:
      return ncclAvg;
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such reduction: {}", static_cast<int>(op));
}

// Makes `device` current for a scope: autograd and the prefetcher have threads of their own.
class DeviceScope {
 public:
  explicit DeviceScope(int device) {
    check_cuda(cudaGetDevice(&before_), "cudaGetDevice");
    changed_ = before_ != device;
    if (changed_) check_cuda(cudaSetDevice(device), "cudaSetDevice");
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  ~DeviceScope() {
    if (changed_) static_cast<void>(cudaSetDevice(before_));
  }

 private:
  int before_ = 0;
  bool changed_ = false;
};

// Events without timing, used again: a stream that waits for one keeps the record it saw.
class EventPool {
 public:
  EventPool() = default;
  EventPool(const EventPool&) = delete;
  EventPool& operator=(const EventPool&) = delete;
  ~EventPool() {
    for (cudaEvent_t event : free_) static_cast<void>(cudaEventDestroy(event));
  }

  cudaEvent_t take() {
    const std::scoped_lock lock(mutex_);
    cudaEvent_t event = nullptr;
    if (free_.empty()) {
      check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
                 "cudaEventCreateWithFlags");
    } else {
      event = free_.back();
      free_.pop_back();
    }
    return event;
  }

  void give_back(cudaEvent_t event) noexcept {
    const std::scoped_lock lock(mutex_);
    free_.push_back(event);
  }

 private:
  std::mutex mutex_;
  std::vector<cudaEvent_t> free_;
};

// One event borrowed from the pool, which outlives it.
class EventCompletion final : public Completion {
 public:
  explicit EventCompletion(std::shared_ptr<EventPool> pool)
      : pool_(std::move(pool)), event_(pool_->take()) {}
  EventCompletion(const EventCompletion&) = delete;
  EventCompletion& operator=(const EventCompletion&) = delete;
  ~EventCompletion() override { pool_->give_back(event_); }

  void record(cudaStream_t stream) {
    check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  void wait(Stream compute) override {
    check_cuda(cudaStreamWaitEvent(static_cast<cudaStream_t>(compute), event_, 0),
               "cudaStreamWaitEvent");
  }

 private:
  std::shared_ptr<EventPool> pool_;
  cudaEvent_t event_;
};

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host, int device)
      : Communicator(host->rank(), host->size()),
        host_(std::move(host)),
        device_(device),
        events_(std::make_shared<EventPool>()) {
    const DeviceScope scope(device_);
    ncclUniqueId id{};
    if (rank() == 0) check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId", rank());
    broadcast_host(*host_, std::span(reinterpret_cast<uint8_t*>(&id), sizeof(id)), 0);
    // High priority: a small reduction must not queue behind the rest of the backward pass.
    int lowest = 0;
    int highest = 0;
    check_cuda(cudaDeviceGetStreamPriorityRange(&lowest, &highest),
               "cudaDeviceGetStreamPriorityRange");
    check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, highest),
               "cudaStreamCreateWithPriority");
    const ncclResult_t code = ncclCommInitRank(&group_, size(), id, rank());
    if (code != ncclSuccess) static_cast<void>(cudaStreamDestroy(stream_));
    check_nccl(code, "ncclCommInitRank", rank());
  }

  ~NcclCommunicator() override {
    // Destroying waits for the other ranks; while an exception unwinds they may never come.
    if (std::uncaught_exceptions() > 0) {
      static_cast<void>(ncclCommAbort(group_));
    } else {
      static_cast<void>(cudaStreamSynchronize(stream_));
      static_cast<void>(ncclCommDestroy(group_));
    }
    static_cast<void>(cudaStreamDestroy(stream_));
  }

  void check_health() override {
    ncclResult_t state = ncclSuccess;
    check_nccl(ncclCommGetAsyncError(group_, &state), "ncclCommGetAsyncError", rank(), group_);
    check_nccl(state, "an earlier NCCL collective", rank(), group_);
  }

 private:
  // Enqueues on the own stream: after the work on `compute`, before whoever waits for the ticket.
  template <typename Collective>
  Ticket enqueue(const char* call, Stream compute, Collective collective) {
    const DeviceScope scope(device_);
    check_health();
    EventCompletion before(events_);
    before.record(static_cast<cudaStream_t>(compute));
    before.wait(stream_);
    check_nccl(collective(), call, rank(), group_);
    auto after = std::make_unique<EventCompletion>(events_);
    after->record(stream_);
    return Ticket(std::move(after));
  }

  Ticket do_all_reduce(Buffer buffer, ReduceOp op, Stream stream) override {
    if (buffer.place == Place::host) return host_->all_reduce(buffer, op, stream);
    return enqueue("ncclAllReduce", stream, [&] {
      return ncclAllReduce(buffer.data, buffer.data, static_cast<size_t>(buffer.count),
                           nccl_type(buffer.type), nccl_op(op), group_, stream_);
    });
  }

  Ticket do_reduce(Buffer buffer, ReduceOp op, int root, Stream stream) override {
    if (buffer.place == Place::host) return host_->reduce(buffer, op, root, stream);
    return enqueue("ncclReduce", stream, [&] {
      return ncclReduce(buffer.data, rank() == root ? buffer.data : nullptr,
                        static_cast<size_t>(buffer.count), nccl_type(buffer.type), nccl_op(op),
                        root, group_, stream_);
    });
  }

  Ticket do_broadcast(Buffer buffer, int root, Stream stream) override {
    if (buffer.place == Place::host) return host_->broadcast(buffer, root, stream);
    return enqueue("ncclBroadcast", stream, [&] {
      return ncclBroadcast(buffer.data, buffer.data, static_cast<size_t>(buffer.count),
                           nccl_type(buffer.type), root, group_, stream_);
    });
  }

  std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte> mine) override {
    return host_->all_gather_v(mine);
  }

  void do_barrier() override { host_->barrier(); }

  std::unique_ptr<Communicator> do_split(int color, int key) override {
    std::unique_ptr<Communicator> part = host_->split(color, key);
    if (part == nullptr) return nullptr;
    return std::make_unique<NcclCommunicator>(std::move(part), device_);
  }

  std::unique_ptr<Communicator> host_;
  int device_;
  std::shared_ptr<EventPool> events_;
  cudaStream_t stream_ = nullptr;
  ncclComm_t group_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Communicator& control, int device) {
  return std::make_unique<NcclCommunicator>(control.split(0, control.rank()), device);
}

}  // namespace allmodes::world
