#include "base/space_shortage.h"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/system_call.h"

namespace allmodes {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{250};
constexpr milliseconds kLongestPause{2000};

}  // namespace

StorageError::StorageError(ExitCode code, int error, std::string what)
    : Error(code, fmt::format("{}: {}", what, storage_cause(error))),
      failed_(std::move(what)),
      error_(error) {}

bool StorageError::is_of_space() const {
  return error_ == ENOSPC || error_ == EDQUOT;
}

milliseconds SpaceShortage::outlast() {
  const auto now = Clock::now();
  try {
    throw;
  } catch (const StorageError& error) {
    if (!error.is_of_space() || limit_s_ <= 0) throw;
    const double lasts = since_ ? std::chrono::duration<double>(now - *since_).count() : 0;
    if (lasts >= limit_s_)
      throw StorageError(error.code(), error.error(),
                         fmt::format("{}, tried again for {:.0f} s", error.failed(), lasts));
    if (!since_) {
      since_ = now;
      say_(
          fmt::format("{}: no space left: make room within {:g} s; the run goes on and tries again",
                      error.failed(), limit_s_));
    }
    // As long again as it has lasted: a short shortage is over soon after it ended.
    const milliseconds next(static_cast<int64_t>(1e3 * lasts));
    const milliseconds rest(static_cast<int64_t>(1e3 * (limit_s_ - lasts)) + 1);
    return std::min(rest, std::clamp(next, kFirstPause, kLongestPause));
  }
}

void SpaceShortage::over() {
  if (!since_) return;
  say_(fmt::format("there is space again, after {:.1f} s: what waited for it is written",
                   std::chrono::duration<double>(Clock::now() - *since_).count()));
  since_.reset();
}

void until_there_is_space(SpaceShortage& shortage, const std::function<void()>& work) {
  while (true) {
    milliseconds pause{};
    try {
      work();
      shortage.over();
      return;
    } catch (const Error&) {
      pause = shortage.outlast();
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace allmodes
