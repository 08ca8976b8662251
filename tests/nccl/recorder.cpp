#include "nccl/recorder.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <utility>

namespace allmodes::testing {
namespace {

struct StreamFacts {
  int priority = 0;
  bool non_blocking = false;
};

struct Thread {
  std::vector<Call> calls;
  std::map<std::string, int> failures;
  int device = 0;
  int streams = 0, events = 0, groups = 0;
  std::map<int, StreamFacts> facts;
};

// Of all threads: what asks for errors is not the one that makes the calls.
std::atomic<int>& async_error() {
  static std::atomic<int> error = 0;
  return error;
}

Thread& self() {
  thread_local Thread thread;
  return thread;
}

// Handles are their numbers.
template <class Handle>
int number(Handle handle) {
  return static_cast<int>(reinterpret_cast<intptr_t>(handle));
}
template <class Handle>
Handle handle(int number) {
  return reinterpret_cast<Handle>(static_cast<intptr_t>(number));
}

int note(Call call) {
  const std::string name = call.name;
  self().calls.push_back(std::move(call));
  const auto failure = self().failures.find(name);
  if (failure == self().failures.end()) return 0;
  const int code = failure->second;
  self().failures.erase(failure);
  return code;
}

ncclResult_t collective(const char* name, const void* from, void* to, size_t count,
                        ncclDataType_t type, int op, int root, ncclComm_t group,
                        cudaStream_t stream) {
  return static_cast<ncclResult_t>(note({.name = name,
                                         .count = static_cast<int64_t>(count),
                                         .type = type,
                                         .op = op,
                                         .root = root,
                                         .in_place = from == to,
                                         .stream = number(stream),
                                         .group = number(group)}));
}

}  // namespace

std::vector<Call> take_calls() {
  return std::exchange(self().calls, {});
}

std::vector<std::string> names(const std::vector<Call>& calls) {
  std::vector<std::string> found;
  for (const Call& call : calls) found.push_back(call.name);
  return found;
}

void fail_next(const std::string& name, int code) {
  self().failures[name] = code;
}

void set_async_error(int code) {
  async_error() = code;
}

int priority_of(int stream) {
  return self().facts.at(stream).priority;
}

bool non_blocking(int stream) {
  return self().facts.at(stream).non_blocking;
}

}  // namespace allmodes::testing

using namespace allmodes::testing;

extern "C" {

cudaError_t cudaGetDevice(int* device) {
  *device = self().device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  self().device = device;
  return cudaSuccess;
}
const char* cudaGetErrorString(cudaError_t) {
  return "a CUDA error";
}
const char* cudaGetErrorName(cudaError_t) {
  return "cudaErrorDouble";
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* lowest, int* highest) {
  *lowest = 0;
  *highest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  const int made = ++self().streams;
  *stream = handle<cudaStream_t>(made);
  self().facts[made] = {priority, (flags & cudaStreamNonBlocking) != 0};
  return static_cast<cudaError_t>(note({.name = "cudaStreamCreate", .stream = made}));
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return static_cast<cudaError_t>(note({.name = "cudaStreamDestroy", .stream = number(stream)}));
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return static_cast<cudaError_t>(
      note({.name = "cudaStreamSynchronize", .stream = number(stream)}));
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = handle<cudaEvent_t>(++self().events);
  return static_cast<cudaError_t>(note({.name = "cudaEventCreate", .event = number(*event)}));
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return static_cast<cudaError_t>(note({.name = "cudaEventDestroy", .event = number(event)}));
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return static_cast<cudaError_t>(
      note({.name = "cudaEventRecord", .stream = number(stream), .event = number(event)}));
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return static_cast<cudaError_t>(
      note({.name = "cudaStreamWaitEvent", .stream = number(stream), .event = number(event)}));
}

const char* ncclGetErrorString(ncclResult_t) {
  return "an NCCL error";
}
const char* ncclGetLastError(ncclComm_t) {
  return "its detail";
}
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  id->internal[0] = 7;
  return static_cast<ncclResult_t>(note({.name = "ncclGetUniqueId"}));
}
ncclResult_t ncclCommInitRank(ncclComm_t* group, int size, ncclUniqueId id, int rank) {
  const int code =
      note({.name = "ncclCommInitRank", .count = size, .op = id.internal[0], .root = rank});
  *group = handle<ncclComm_t>(code == 0 ? ++self().groups : 0);
  return static_cast<ncclResult_t>(code);
}
ncclResult_t ncclCommDestroy(ncclComm_t group) {
  return static_cast<ncclResult_t>(note({.name = "ncclCommDestroy", .group = number(group)}));
}
ncclResult_t ncclCommAbort(ncclComm_t group) {
  return static_cast<ncclResult_t>(note({.name = "ncclCommAbort", .group = number(group)}));
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* state) {
  *state = static_cast<ncclResult_t>(async_error().load());
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t group, cudaStream_t stream) {
  return collective("ncclAllReduce", from, to, count, type, op, -1, group, stream);
}
ncclResult_t ncclReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t group, cudaStream_t stream) {
  return collective("ncclReduce", from, to, count, type, op, root, group, stream);
}
ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t group, cudaStream_t stream) {
  return collective("ncclBroadcast", from, to, count, type, -1, root, group, stream);
}

}  // extern "C"
