#pragma once

// Calls of the operating system that a signal may cut short.

#include <cerrno>
#include <cstddef>
#include <string>

namespace allmodes {

// Calls until it is not interrupted by a signal any more, and returns what the last call did: -1
// with errno set when it failed. Not for close(): Linux has closed the descriptor even when it
// reports EINTR.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Writes all bytes to the descriptor, in as many calls as it takes; 0, or the errno of the call
// that failed. `written` counts the bytes that the system has taken, also on failure.
int write_all(int descriptor, const void* data, size_t bytes, size_t& written);

// Reads up to `bytes` bytes from the descriptor's position into `out`, in as many calls as it
// takes; 0, or the errno of the call that failed. `got` is less than `bytes` at the end of the file
// and on failure.
int read_all(int descriptor, void* out, size_t bytes, size_t& got);
// The same from `offset` on, leaving the descriptor's position alone.
int read_all_at(int descriptor, size_t offset, void* out, size_t bytes, size_t& got);

// What an errno of a file operation means, and what to do about it where that is known: "no space
// left on the device: free some and resume", "Permission denied".
std::string storage_cause(int error);

// Makes a write beyond a file-size limit (ulimit -f) fail with EFBIG, which is reported with the
// file's name, instead of ending the process by the signal SIGXFSZ. Call it first in main().
void report_file_size_limits_as_errors();

}  // namespace allmodes
