#include "run/early_stop.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/system_call.h"

namespace allmodes::run {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenSignalLooks{100};
constexpr std::chrono::seconds kPatienceBeforeSteps{5};
// A signal commonly reaches all ranks, and rank 0 says it for them.
constexpr std::chrono::seconds kLaterThanRankZero{1};

}  // namespace

EarlyStop::EarlyStop(const world::StopRequest& signals, world::Runtime& runtime)
    : signals_(signals), runtime_(runtime), thread_([this] { watch(); }) {}

void EarlyStop::disarm() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    disarmed_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void EarlyStop::watch() {
  const bool first = runtime_.world().rank == 0;
  std::optional<Clock::time_point> answer_by;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kBetweenSignalLooks, [this] { return disarmed_; })) {
    if (!answer_by && signals_.requested())
      answer_by =
          Clock::now() + kPatienceBeforeSteps + (first ? Clock::duration(0) : kLaterThanRankZero);
    if (!answer_by || Clock::now() < *answer_by) continue;
    const std::string text = fmt::format(
        "{}: stopping before the first step, with nothing to save; --resume auto begins "
        "or goes on\n",
        world::signal_name(signals_.signal()));
    // Not through stdio, whose lock another thread may hold.
    size_t written = 0;
    (void)write_all(STDERR_FILENO, text.data(), text.size(), written);
    runtime_.abort(static_cast<int>(ExitCode::kTemporaryFailure));
  }
}

}  // namespace allmodes::run
