#pragma once

// What a disk that is full, slow, gone or not ours answers: calls on files of a certain name fail,
// are cut short, or block. And signals that come just then.

#include <cstdint>
#include <limits>
#include <string>

namespace allmodes::crash {

enum class Call {
  kOpen,
  kOpenToRead,
  kRead,
  kWrite,
  kSync,
  kClose,
  kRename,
  kMkdir,
  kList,
  kLock,
  kRemove
};
const char* name_of(Call call);

struct Fault {
  Call call = Call::kWrite;
  std::string part;      // of the path of the files concerned
  int error = 0;         // what the call fails with; 0: it does not fail
  bool shorten = false;  // a read or write moves one byte
  double block_s = 0;    // how long the call takes
  int signal = 0;        // that the process gets before the call; 0: none
  uint64_t first = 1;    // of the calls concerned, the first that is hit, and how many
  uint64_t count = std::numeric_limits<uint64_t>::max();
  uint64_t after = 0;  // calls count only once so many were hit, of any fault
};

// From now on, in this process, beside those before. Counts the calls that were hit in `hits`,
// which another process may read.
void inject(const Fault& fault, uint64_t* hits);

// For the interposer. Each returns 0 or the errno to fail with, and may block before.
int fault_of(Call call, const char* path);
int fault_of(Call call, int descriptor);
// Of a file in a folder that is open.
int fault_of(Call call, int folder, const char* name);
// The same for a read or write, of whose bytes it may leave one.
int fault_of(Call call, int descriptor, size_t& bytes);

}  // namespace allmodes::crash
