#include "world/deadline.h"

#include <unistd.h>

#include <chrono>
#include <utility>

namespace allmodes::world {
namespace {

// For the text to be written and to leave the host, and for other ranks, whose deadlines come a
// little later, to write theirs. The process ends after that also where stderr takes nothing.
constexpr std::chrono::seconds kMessageTime{2};

}  // namespace

Deadline::Deadline(double seconds, ExitCode code, std::function<std::string()> explain) {
  if (seconds <= 0) return;
  thread_ = std::thread([this, seconds, code, explain = std::move(explain)] {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return met_; }))
        return;
    }
    std::thread([code] {
      std::this_thread::sleep_for(kMessageTime);
      ::_exit(static_cast<int>(code));
    }).detach();
    const std::string text = explain();
    // Not through stdio, whose lock another thread may hold.
    for (size_t written = 0; written < text.size();) {
      const ssize_t bytes = ::write(STDERR_FILENO, text.data() + written, text.size() - written);
      if (bytes <= 0) break;
      written += static_cast<size_t>(bytes);
    }
    std::this_thread::sleep_for(2 * kMessageTime);
  });
}

Deadline::~Deadline() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    met_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace allmodes::world
