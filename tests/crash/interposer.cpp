#include "crash/interposer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>

#include "crash/storage_fault.h"

namespace allmodes::crash {
namespace {

constexpr size_t kDescriptors = 4096;

struct Watch {
  std::string folder;
  uint64_t kill_at = 0;
  bool exchange = true;
  std::atomic<uint64_t> count{0};
  Progress* progress = nullptr;
  int journal = -1;
  std::array<std::atomic<bool>, kDescriptors> watched{};
};

// Plain memory: calls come before and after every constructor and destructor of this program.
Watch* current = nullptr;

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool is_watched(int descriptor) {
  return current != nullptr && descriptor >= 0 && size_t(descriptor) < kDescriptors &&
         current->watched[size_t(descriptor)];
}

bool concerns(int folder, const char* path) {
  if (current == nullptr || path == nullptr) return false;
  if (path[0] == '/' || folder == AT_FDCWD)
    return strncmp(path, current->folder.c_str(), current->folder.size()) == 0;
  return is_watched(folder);
}

void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// Passes a point; whether the process ends at it.
bool is_last_point() {
  const uint64_t number = ++current->count;
  if (current->progress != nullptr) current->progress->points = number;
  return number == current->kill_at;
}

void before_call() {
  if (is_last_point()) die();
}

// Whether the call shall fail by a planted fault; sets errno then.
template <typename... Where>
bool fails(Call call, Where&&... where) {
  const int error = fault_of(call, where...);
  if (error != 0) errno = error;
  return error != 0;
}

void note_rename(const char* to) {
  const char* name = strrchr(to, '/');
  name = name == nullptr ? to : name + 1;
  if (current->progress == nullptr || strncmp(name, "step-", 5) != 0 ||
      strchr(name, '.') != nullptr)
    return;
  current->progress->last_step = strtoull(name + 5, nullptr, 10);
  ++current->progress->renamed;
}

void write_line(const std::string& line) {
  static const auto call = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (call(current->journal, line.data(), line.size()) < 0) perror("journal");
}

void note(bool succeeded, const char* what, const char* path, const char* to = nullptr) {
  if (!succeeded || current == nullptr || current->journal < 0) return;
  write_line(std::string(what) + " " + path + (to == nullptr ? "" : std::string(" ") + to) + "\n");
}

void note(bool succeeded, const char* what, int descriptor) {
  if (!succeeded || !is_watched(descriptor) || current->journal < 0) return;
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  if (::readlink(link.c_str(), path.data(), path.size() - 1) > 0) note(true, what, path.data());
}

int watched_open(int folder, const char* path, int flags, mode_t mode) {
  const bool ours = concerns(folder, path);
  if (ours && (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) != 0) before_call();
  const bool writes = (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) != 0;
  const Call call_of = (flags & O_DIRECTORY) != 0 ? Call::kList
                       : writes                   ? Call::kOpen
                                                  : Call::kOpenToRead;
  if (fails(call_of, path)) return -1;
  static const auto call = real<int (*)(int, const char*, int, ...)>("openat");
  const int descriptor = call(folder, path, flags, mode);
  if (current != nullptr && descriptor >= 0 && size_t(descriptor) < kDescriptors)
    current->watched[size_t(descriptor)] = ours;
  note(ours && descriptor >= 0 && (flags & O_CREAT) != 0, "create", path);
  return descriptor;
}

ssize_t watched_write(int descriptor, const void* data, size_t bytes) {
  static const auto call = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (fails(Call::kWrite, descriptor, bytes)) return -1;
  if (!is_watched(descriptor)) return call(descriptor, data, bytes);
  before_call();
  if (is_last_point()) {
    if (call(descriptor, data, bytes / 2) < 0) perror("write");
    die();
  }
  return call(descriptor, data, bytes);
}

}  // namespace

void watch(const char* folder, uint64_t kill_at, bool exchange, Progress* progress) {
  auto* watch = new Watch;
  watch->folder = folder;
  watch->kill_at = kill_at;
  watch->exchange = exchange;
  watch->progress = progress;
  current = watch;
}

void keep_journal(const char* file) {
  static const auto call = real<int (*)(int, const char*, int, ...)>("openat");
  current->journal = call(AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

}  // namespace allmodes::crash

namespace crash = allmodes::crash;

// The names of the C library; the dynamic linker finds these first.
#pragma GCC visibility push(default)
extern "C" {

int openat(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, unsigned));
  va_end(rest);
  return crash::watched_open(folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, unsigned));
  va_end(rest);
  return crash::watched_open(folder, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, unsigned));
  va_end(rest);
  return crash::watched_open(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>(va_arg(rest, unsigned));
  va_end(rest);
  return crash::watched_open(AT_FDCWD, path, flags, mode);
}

ssize_t write(int descriptor, const void* data, size_t bytes) {
  return crash::watched_write(descriptor, data, bytes);
}

int fsync(int descriptor) {
  if (crash::is_watched(descriptor)) crash::before_call();
  if (crash::fails(crash::Call::kSync, descriptor)) return -1;
  static const auto call = crash::real<int (*)(int)>("fsync");
  const int result = call(descriptor);
  crash::note(result == 0, "sync", descriptor);
  return result;
}

ssize_t read(int descriptor, void* out, size_t bytes) {
  if (crash::fails(crash::Call::kRead, descriptor, bytes)) return -1;
  static const auto call = crash::real<ssize_t (*)(int, void*, size_t)>("read");
  return call(descriptor, out, bytes);
}
ssize_t pread(int descriptor, void* out, size_t bytes, off_t offset) {
  if (crash::fails(crash::Call::kRead, descriptor, bytes)) return -1;
  static const auto call = crash::real<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  return call(descriptor, out, bytes, offset);
}
ssize_t pread64(int descriptor, void* out, size_t bytes, off64_t offset) {
  return pread(descriptor, out, bytes, offset);
}
ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t offset) {
  if (crash::fails(crash::Call::kWrite, descriptor, bytes)) return -1;
  static const auto call = crash::real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return call(descriptor, data, bytes, offset);
}
ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off64_t offset) {
  return pwrite(descriptor, data, bytes, offset);
}

// A disk that reports at last what it could not write has closed the descriptor.
int close(int descriptor) {
  const int error = crash::fault_of(crash::Call::kClose, descriptor);
  static const auto call = crash::real<int (*)(int)>("close");
  const int result = call(descriptor);
  if (error == 0) return result;
  errno = error;
  return -1;
}

int flock(int descriptor, int operation) noexcept {
  if (crash::fails(crash::Call::kLock, descriptor)) return -1;
  static const auto call = crash::real<int (*)(int, int)>("flock");
  return call(descriptor, operation);
}

int ftruncate(int descriptor, off_t length) noexcept {
  if (crash::is_watched(descriptor)) crash::before_call();
  static const auto call = crash::real<int (*)(int, off_t)>("ftruncate");
  return call(descriptor, length);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (crash::concerns(AT_FDCWD, path)) crash::before_call();
  if (crash::fails(crash::Call::kMkdir, path)) return -1;
  static const auto call = crash::real<int (*)(const char*, mode_t)>("mkdir");
  const bool ours = crash::concerns(AT_FDCWD, path);
  const int result = call(path, mode);
  crash::note(ours && result == 0, "mkdir", path);
  return result;
}

int rename(const char* from, const char* to) noexcept {
  const bool ours = crash::concerns(AT_FDCWD, to);
  if (ours) crash::before_call();
  if (crash::fails(crash::Call::kRename, to)) return -1;
  static const auto call = crash::real<int (*)(const char*, const char*)>("rename");
  const int result = call(from, to);
  crash::note(ours && result == 0, "rename", from, to);
  if (ours && result == 0) crash::note_rename(to);
  return result;
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  const bool ours = crash::concerns(to_folder, to);
  if (ours) crash::before_call();
  if (ours && !crash::current->exchange) {
    errno = EINVAL;
    return -1;
  }
  static const auto call =
      crash::real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
  const int result = call(from_folder, from, to_folder, to, flags);
  crash::note(ours && result == 0, "rename", from, to);
  if (ours && result == 0) crash::note_rename(to);
  return result;
}

int unlink(const char* path) noexcept {
  if (crash::concerns(AT_FDCWD, path)) crash::before_call();
  if (crash::fails(crash::Call::kRemove, path)) return -1;
  static const auto call = crash::real<int (*)(const char*)>("unlink");
  return call(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  if (crash::concerns(folder, path)) crash::before_call();
  if (crash::fails(crash::Call::kRemove, folder, path)) return -1;
  static const auto call = crash::real<int (*)(int, const char*, int)>("unlinkat");
  return call(folder, path, flags);
}

int remove(const char* path) noexcept {
  if (crash::concerns(AT_FDCWD, path)) crash::before_call();
  if (crash::fails(crash::Call::kRemove, path)) return -1;
  static const auto call = crash::real<int (*)(const char*)>("remove");
  return call(path);
}

int rmdir(const char* path) noexcept {
  if (crash::concerns(AT_FDCWD, path)) crash::before_call();
  if (crash::fails(crash::Call::kRemove, path)) return -1;
  static const auto call = crash::real<int (*)(const char*)>("rmdir");
  return call(path);
}

}  // extern "C"
#pragma GCC visibility pop
