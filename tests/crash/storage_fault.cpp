#include "crash/storage_fault.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>

namespace allmodes::crash {
namespace {

struct Injected {
  Fault fault;
  std::atomic<uint64_t> calls{0};
  uint64_t* hits = nullptr;
};

Injected* injected = nullptr;

void pass_time(double seconds) {
  timespec left{.tv_sec = static_cast<time_t>(seconds),
                .tv_nsec = static_cast<long>(1e9 * (seconds - std::floor(seconds)))};
  while (::nanosleep(&left, &left) != 0) {
  }
}

bool is_hit(Call call, const char* path) {
  if (injected == nullptr || injected->fault.call != call || path == nullptr ||
      strstr(path, injected->fault.part.c_str()) == nullptr)
    return false;
  const Fault& fault = injected->fault;
  const uint64_t number = ++injected->calls;
  if (number < fault.first || number - fault.first >= fault.count) return false;
  __atomic_add_fetch(injected->hits, 1, __ATOMIC_RELAXED);
  pass_time(fault.block_s);
  return true;
}

}  // namespace

const char* name_of(Call call) {
  constexpr std::array kNames{"open",  "open to read", "read",  "write", "fsync",
                              "close", "rename",       "mkdir", "list",  "lock"};
  return kNames.at(static_cast<size_t>(call));
}

void inject(const Fault& fault, uint64_t* hits) {
  auto* next = new Injected;
  next->fault = fault;
  next->hits = hits;
  injected = next;
}

int fault_of(Call call, const char* path) {
  return is_hit(call, path) ? injected->fault.error : 0;
}

int fault_of(Call call, int descriptor) {
  if (injected == nullptr || injected->fault.call != call) return 0;
  std::array<char, 64> link{};
  std::array<char, PATH_MAX> path{};
  snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  if (::readlink(link.data(), path.data(), path.size() - 1) < 0) return 0;
  return fault_of(call, path.data());
}

int fault_of(Call call, int descriptor, size_t& bytes) {
  if (injected == nullptr) return 0;
  const uint64_t before = *injected->hits;
  const int error = fault_of(call, descriptor);
  if (*injected->hits != before && injected->fault.shorten && bytes > 1) bytes = 1;
  return error;
}

}  // namespace allmodes::crash
