#pragma once

// Signals that come before the first step.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes::run {

// Before the first step a run has nothing to save, and it may take minutes to come there: data are
// read, a classifier is trained, null distributions are drawn. Whoever sends a signal may not wait
// so long. While it lives, and is not disarmed, a signal that is not answered within five seconds
// ends the whole job with kTemporaryFailure; files are left as a kill at that moment leaves them. A
// run that begins sooner answers it with a checkpoint, in its loop.
class EarlyStop {
 public:
  EarlyStop(const world::StopRequest& signals, world::Runtime& runtime);
  ~EarlyStop() { disarm(); }
  EarlyStop(const EarlyStop&) = delete;
  EarlyStop& operator=(const EarlyStop&) = delete;

  // The loop takes over. May be called again.
  void disarm();

 private:
  void watch();

  const world::StopRequest& signals_;
  world::Runtime& runtime_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool disarmed_ = false;
  std::thread thread_;  // last: it uses the above
};

}  // namespace allmodes::run
