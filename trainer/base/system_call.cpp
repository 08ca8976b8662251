#include "base/system_call.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace allmodes {
namespace {

// Linux moves at most 2 GiB - 4 KiB a call.
constexpr size_t kMostAtOnce = size_t{1} << 30;

}  // namespace

int write_all(int descriptor, const void* data, size_t bytes, size_t& written) {
  const char* from = static_cast<const char*>(data);
  written = 0;
  while (written < bytes) {
    const ssize_t now = uninterrupted([&] {
      return ::write(descriptor, from + written, std::min(bytes - written, kMostAtOnce));
    });
    if (now < 0) return errno;
    written += static_cast<size_t>(now);
  }
  return 0;
}

int read_all(int descriptor, void* out, size_t bytes, size_t& got) {
  char* to = static_cast<char*>(out);
  got = 0;
  while (got < bytes) {
    const ssize_t now = uninterrupted(
        [&] { return ::read(descriptor, to + got, std::min(bytes - got, kMostAtOnce)); });
    if (now < 0) return errno;
    if (now == 0) break;
    got += static_cast<size_t>(now);
  }
  return 0;
}

int read_all_at(int descriptor, size_t offset, void* out, size_t bytes, size_t& got) {
  char* to = static_cast<char*>(out);
  got = 0;
  while (got < bytes) {
    const ssize_t now = uninterrupted([&] {
      return ::pread(descriptor, to + got, std::min(bytes - got, kMostAtOnce),
                     static_cast<off_t>(offset + got));
    });
    if (now < 0) return errno;
    if (now == 0) break;
    got += static_cast<size_t>(now);
  }
  return 0;
}

std::string storage_cause(int error) {
  switch (error) {
    case ENOSPC:
      return "no space left on the device: free some and resume";
    case EDQUOT:
      return "the disk quota is used up, no space left: free some and resume";
    case EFBIG:
      return "the file would exceed the limit on file sizes (ulimit -f, or that of the file "
             "system): raise it and resume";
    case EROFS:
      return "the file system is read-only: choose another folder or mount it writable";
    case EMFILE:
    case ENFILE:
      return std::string(std::strerror(error)) + ": raise the limit (ulimit -n) and resume";
    default:
      return std::strerror(error);
  }
}

void report_file_size_limits_as_errors() {
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace allmodes
