#include "world/signals.h"

#include "base/error.h"

#include <atomic>
#include <cerrno>
#include <cstring>

namespace allmodes::world {
namespace {

// A handler gets nothing but the signal's number, so what it notes has to be global.
std::atomic<int> noted = 0;
std::atomic<bool> interrupted = false;
std::atomic<bool> installed = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void note_signal(int signal) {
  int none = 0;
  noted.compare_exchange_strong(none, signal);
  if (signal != SIGINT || !interrupted.exchange(true)) return;
  // Delivered with its default action as soon as this handler returns.
  std::signal(SIGINT, SIG_DFL);
  std::raise(SIGINT);
}

}  // namespace

std::vector<int> StopRequest::all_signals() {
  return {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU, SIGUSR1, SIGUSR2};
}

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

StopRequest::StopRequest(const std::vector<int>& signals) {
  ALLMODES_CHECK(!installed.exchange(true), "a second StopRequest");
  noted = 0;
  interrupted = false;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // reads and writes under way carry on
  sigemptyset(&action.sa_mask);
  for (const int signal : signals) {
    Former former{signal, {}};
    if (signal == SIGHUP || signal == SIGQUIT) {
      struct sigaction before {};
      if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    }
    if (sigaction(signal, &action, &former.action) != 0) {
      const int error = errno;
      restore();
      ALLMODES_FAIL(ExitCode::kOsError, "signal {} cannot be caught: {}", signal,
                    std::strerror(error));
    }
    former_.push_back(former);
  }
}

StopRequest::~StopRequest() {
  restore();
}

// The last one first, so that a signal named twice gets back what it had at first.
void StopRequest::restore() noexcept {
  while (!former_.empty()) {
    sigaction(former_.back().signal, &former_.back().action, nullptr);
    former_.pop_back();
  }
  installed = false;
}

int StopRequest::signal() const {
  return noted;
}

}  // namespace allmodes::world
