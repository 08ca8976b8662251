// Preloaded into a program: each read of a file whose path ends with $SLOW_DISK_END takes
// $SLOW_DISK_S seconds longer, from the $SLOW_DISK_FIRST-th one on, on the rank $SLOW_DISK_RANK
// alone where that is set.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>

namespace {

const char* setting(const char* name, const char* otherwise) {
  const char* given = ::getenv(name);
  return given == nullptr ? otherwise : given;
}

bool is_slow(int descriptor) {
  static const char* const end = setting("SLOW_DISK_END", "");
  static const char* const rank = setting("SLOW_DISK_RANK", "");
  static const long first = ::atol(setting("SLOW_DISK_FIRST", "1"));
  static std::atomic<long> reads{0};
  if (*end == '\0' || (*rank != '\0' && ::strcmp(rank, setting("OMPI_COMM_WORLD_RANK", "")) != 0))
    return false;
  std::array<char, 64> link{};
  std::array<char, 4096> path{};
  ::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  const ssize_t length = ::readlink(link.data(), path.data(), path.size() - 1);
  const size_t wanted = ::strlen(end);
  return length >= static_cast<ssize_t>(wanted) &&
         ::strcmp(path.data() + length - wanted, end) == 0 && ++reads >= first;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) ssize_t read(int descriptor, void* out,
                                                               size_t bytes) {
  using Read = ssize_t (*)(int, void*, size_t);
  static const auto call = reinterpret_cast<Read>(::dlsym(RTLD_NEXT, "read"));
  if (is_slow(descriptor)) {
    const double seconds = ::atof(setting("SLOW_DISK_S", "1"));
    timespec left{.tv_sec = static_cast<time_t>(seconds),
                  .tv_nsec = static_cast<long>(1e9 * (seconds - std::floor(seconds)))};
    while (::nanosleep(&left, &left) != 0) {
    }
  }
  return call(descriptor, out, bytes);
}
