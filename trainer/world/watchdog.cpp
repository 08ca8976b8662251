#include "world/watchdog.h"

#include "base/error.h"

#include <utility>

namespace allmodes::world {

Watchdog::Watchdog(std::chrono::milliseconds limit, OnStall on_stall)
    : limit_(limit), on_stall_(std::move(on_stall)) {
  ALLMODES_CHECK(limit_.count() > 0, "a watchdog of {} ms", limit_.count());
  thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// Does not wake the thread: it finds the new time when the old limit has passed.
void Watchdog::feed(std::string doing) {
  const std::scoped_lock lock(mutex_);
  fed_ = std::chrono::steady_clock::now();
  doing_ = std::move(doing);
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto passed = std::chrono::steady_clock::now() - fed_;
    if (passed >= limit_) {
      const std::string doing = doing_;
      lock.unlock();
      on_stall_(doing, std::chrono::duration<double>(passed).count());
      return;
    }
    changed_.wait_for(lock, limit_ - passed);
  }
}

}  // namespace allmodes::world
