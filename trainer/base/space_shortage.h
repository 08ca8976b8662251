#pragma once

// A disk, or a quota, that is full for a while: what was to be written is tried again until
// somebody has made room.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"

namespace allmodes {

// A call on a file that failed. Its message is `what`, a colon, and what storage_cause() says of
// the errno.
class StorageError : public Error {
 public:
  StorageError(ExitCode code, int error, std::string what);
  // Without the cause: "cannot create '/runs/x'".
  const std::string& failed() const { return failed_; }
  int error() const { return error_; }
  // Whether it failed for want of space, which may come back.
  bool is_of_space() const;

 private:
  std::string failed_;
  int error_;
};

// What is written to one disk by one thread at a time, and how long it may lack space.
class SpaceShortage {
 public:
  using Say = std::function<void(const std::string& line)>;

  // Without patience: every failure is thrown on.
  SpaceShortage() = default;
  // A shortage may last so many seconds (>= 0). `say` takes a line for the log at the beginning of
  // a shortage and at its end.
  SpaceShortage(double limit_s, Say say) : limit_s_(limit_s), say_(std::move(say)) {}

  // For a catch block. Throws the exception on unless it is a StorageError for want of space and
  // the shortage has not lasted too long; one that has is thrown with the time. Returns how long to
  // wait until it is tried again: a quarter of a second, then longer, at most two seconds.
  std::chrono::milliseconds outlast();
  // What was tried has been written.
  void over();

 private:
  using Clock = std::chrono::steady_clock;

  double limit_s_ = 0;
  Say say_ = [](const std::string&) {};
  std::optional<Clock::time_point> since_;
};

// Does `work`, and again after a pause while it fails for want of space and may. The caller waits.
void until_there_is_space(SpaceShortage& shortage, const std::function<void()>& work);

}  // namespace allmodes
