#pragma once

// Ends a job that no longer moves. MPI reports a rank that died, but never one that was stopped or
// whose cable was cut; the others would wait in a collective for ever.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "world/runtime.h"
#include "world/stall_judge.h"

namespace allmodes::world {

class StatusBoard;

// A thread on every rank that shows the rank's signs of life and looks for those of the others.
// Rank 0 judges (StallJudge); the others watch rank 0. When the job does not move, rank 0 says on
// stderr who is missing where, every rank that can prints its flight log, and all end with
// ExitCode::kLostRank. A job of one rank is not watched.
class Watchdog {
 public:
  // Collective. `runtime` outlives the watchdog; its flight log says what each rank does.
  Watchdog(Runtime& runtime, WatchLimits limits);
  // Collective, except while an exception unwinds: comes after a barrier, since a rank whose
  // watchdog has ended shows no sign of life.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // On all ranks alike.
  void set_limits(WatchLimits limits);
  // Why nothing is watched; empty: all is.
  const std::string& reason_off() const { return reason_off_; }

 private:
  void watch();
  Status own_status(uint64_t beats) const;
  bool all_have_told(const std::vector<int>& missing) const;
  void end(const std::string& report, const std::vector<int>& missing);

  Runtime& runtime_;
  World world_;
  std::string reason_off_;
  std::vector<std::string> hosts_;
  std::unique_ptr<StatusBoard> board_;
  std::mutex mutex_;
  std::condition_variable changed_;
  WatchLimits limits_;
  bool ending_ = false;
  uint64_t beats_ = 0;
  bool told_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace allmodes::world
