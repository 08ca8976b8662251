#include "run/run_lock.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/system_call.h"

namespace allmodes::run {
namespace {

std::string holder_of(int descriptor) {
  std::array<char, 400> text{};
  const ssize_t got = ::pread(descriptor, text.data(), text.size() - 1, 0);
  std::string holder(text.data(), got > 0 ? static_cast<size_t>(got) : 0);
  if (const auto end = holder.find('\n'); end != std::string::npos) holder.resize(end);
  return holder.empty() ? "a job that has not said its name" : holder;
}

// 0, or the errno of a lock that could not be had.
int try_lock(int descriptor) {
  return uninterrupted([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0 ? 0 : errno;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run_folder, const std::string& host,
                 double patience_s) {
  const auto path = run_folder / "lock";
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  descriptor_ = uninterrupted([&] { return ::open(path.c_str(), kFlags, 0666); });
  if (descriptor_ < 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot open '{}', which says who trains this run: {}",
                  path.string(), storage_cause(error));
  }
  const auto begin = std::chrono::steady_clock::now();
  int error = try_lock(descriptor_);
  if (error == EWOULDBLOCK)
    spdlog::warn("'{}' is in use by {}: waiting up to {:.0f} s for its end", run_folder.string(),
                 holder_of(descriptor_), patience_s);
  while (error == EWOULDBLOCK &&
         std::chrono::steady_clock::now() - begin < std::chrono::duration<double>(patience_s)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    error = try_lock(descriptor_);
  }
  if (error == EWOULDBLOCK) {
    const std::string holder = holder_of(descriptor_);
    ::close(std::exchange(descriptor_, -1));
    ALLMODES_FAIL(ExitCode::kCannotCreate,
                  "'{}' is being trained by {}: two jobs cannot train one run. Wait for its end or "
                  "stop it; or start another run without --resume",
                  run_folder.string(), holder);
  }
  if (error != 0) {
    spdlog::warn("'{}' cannot be locked ({}): take care that no second job trains this run",
                 path.string(), std::strerror(error));
    ::close(std::exchange(descriptor_, -1));
    return;
  }
  const std::string text = fmt::format("process {} on {} since {:%Y-%m-%d %H:%M:%S} UTC\n",
                                       ::getpid(), host, fmt::gmtime(std::time(nullptr)));
  // For people to read: a run goes on without it.
  size_t written = 0;
  int unsaid = ::ftruncate(descriptor_, 0) == 0 ? 0 : errno;
  if (unsaid == 0) unsaid = write_all(descriptor_, text.data(), text.size(), written);
  if (unsaid != 0)
    spdlog::warn("'{}' cannot be written, {}; the run goes on", path.string(),
                 storage_cause(unsaid));
}

RunLock::~RunLock() {
  if (descriptor_ < 0) return;
  if (::ftruncate(descriptor_, 0) != 0) spdlog::debug("the lock keeps its text");
  ::close(descriptor_);
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace allmodes::run
