#pragma once

// NCCL and the CUDA runtime as doubles that record their calls: the real communicator is linked
// against them, so that its sequence of calls can be read where there is no GPU. Nothing is
// computed.

#include <cstdint>
#include <string>
#include <vector>

namespace allmodes::testing {

// Streams, events and groups appear as numbers in the order in which they were made, from 1; the
// default stream is 0.
struct Call {
  std::string name;
  int64_t count = 0;       // elements of a collective
  int type = -1, op = -1;  // as NCCL numbers them
  int root = -1;
  bool in_place = false;  // sends from where it receives
  int stream = -1;
  int event = -1;
  int group = -1;
  bool operator==(const Call&) const = default;
};

// What a thread, standing for a rank, has called since the last time; clears the record.
std::vector<Call> take_calls();
std::vector<std::string> names(const std::vector<Call>& calls);

// The next call of `name` by this thread returns this code instead of success.
void fail_next(const std::string& name, int code);
// What ncclCommGetAsyncError finds for this thread from now on.
void set_async_error(int code);
// Priority and flags that the thread's stream `number` was made with.
int priority_of(int stream);
bool non_blocking(int stream);

}  // namespace allmodes::testing
