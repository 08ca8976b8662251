#include "crash/storage_fault.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
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
  Injected* next = nullptr;
};

Injected* first_injected = nullptr;

void pass_time(double seconds) {
  timespec left{.tv_sec = static_cast<time_t>(seconds),
                .tv_nsec = static_cast<long>(1e9 * (seconds - std::floor(seconds)))};
  while (::nanosleep(&left, &left) != 0) {
  }
}

bool is_hit(Injected& injected, Call call, const char* path) {
  const Fault& fault = injected.fault;
  if (fault.call != call || path == nullptr || strstr(path, fault.part.c_str()) == nullptr)
    return false;
  if (__atomic_load_n(injected.hits, __ATOMIC_RELAXED) < fault.after) return false;
  const uint64_t number = ++injected.calls;
  if (number < fault.first || number - fault.first >= fault.count) return false;
  __atomic_add_fetch(injected.hits, 1, __ATOMIC_RELAXED);
  if (fault.signal != 0) ::kill(::getpid(), fault.signal);
  pass_time(fault.block_s);
  return true;
}

bool is_awaited(Call call) {
  for (const Injected* each = first_injected; each != nullptr; each = each->next)
    if (each->fault.call == call) return true;
  return false;
}

// The first error of all faults that are hit; whether one of them cuts the call short.
int fault_of(Call call, const char* path, bool& shortened) {
  int error = 0;
  for (Injected* each = first_injected; each != nullptr; each = each->next) {
    if (!is_hit(*each, call, path)) continue;
    if (error == 0) error = each->fault.error;
    shortened = shortened || each->fault.shorten;
  }
  return error;
}

int fault_of(Call call, int descriptor, bool& shortened) {
  if (!is_awaited(call)) return 0;
  std::array<char, 64> link{};
  std::array<char, PATH_MAX> path{};
  snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  if (::readlink(link.data(), path.data(), path.size() - 1) < 0) return 0;
  return fault_of(call, path.data(), shortened);
}

}  // namespace

const char* name_of(Call call) {
  constexpr std::array kNames{"open",   "open to read", "read", "write", "fsync",  "close",
                              "rename", "mkdir",        "list", "lock",  "removal"};
  return kNames.at(static_cast<size_t>(call));
}

void inject(const Fault& fault, uint64_t* hits) {
  auto* added = new Injected;
  added->fault = fault;
  added->hits = hits;
  added->next = first_injected;
  first_injected = added;
}

int fault_of(Call call, const char* path) {
  bool shortened = false;
  return fault_of(call, path, shortened);
}

int fault_of(Call call, int descriptor) {
  bool shortened = false;
  return fault_of(call, descriptor, shortened);
}

int fault_of(Call call, int folder, const char* name) {
  if (!is_awaited(call) || name == nullptr) return 0;
  if (name[0] == '/' || folder == AT_FDCWD) return fault_of(call, name);
  std::array<char, 64> link{};
  std::array<char, PATH_MAX> path{};
  snprintf(link.data(), link.size(), "/proc/self/fd/%d", folder);
  const ssize_t length = ::readlink(link.data(), path.data(), path.size() - 1);
  if (length < 0) return 0;
  return fault_of(call, (std::string(path.data()) + "/" + name).c_str());
}

int fault_of(Call call, int descriptor, size_t& bytes) {
  bool shortened = false;
  const int error = fault_of(call, descriptor, shortened);
  if (shortened && bytes > 1) bytes = 1;
  return error;
}

}  // namespace allmodes::crash
