#pragma once

// Ends a job that no longer moves. MPI reports a rank that died, but never one that was stopped or
// whose cable was cut; the others would wait in a collective for ever. Nor does anybody report a
// disk that has stopped to answer, for which a rank waits, alone or not.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
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
// ExitCode::kLostRank. So they do when a communicator reports an error of a collective whose call
// had returned before (Communicator::check_health()).
//
// A job of one rank waits for no other: there only a stage that is longer without a sign of
// progress than WatchLimits::stage_limit_s ends the job.
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
  // Asks the communicator for errors at each look (Communicator::check_health(), which may be
  // called from any thread), until the returned claim is let go of; that has to come before the
  // communicator's end, and waits for a call that is under way.
  [[nodiscard]] std::shared_ptr<void> watch(Communicator& communicator);
  // Why nothing is watched; empty: all is.
  const std::string& reason_off() const { return reason_off_; }

 private:
  void join();
  void look_on();
  std::span<const Status> exchange(const Status& mine);
  Status own_status(uint64_t beats) const;
  std::string late_failure() const;
  bool all_have_told(const std::vector<int>& missing) const;
  void end(const std::string& report, const std::vector<int>& missing);

  struct HealthChecks {
    std::mutex mutex;
    std::map<uint64_t, Communicator*> communicators;
    uint64_t next = 0;
  };

  Runtime& runtime_;
  World world_;
  std::shared_ptr<HealthChecks> checks_ = std::make_shared<HealthChecks>();
  std::string reason_off_;
  std::vector<std::string> hosts_;
  std::unique_ptr<StatusBoard> board_;  // null in a job of one rank
  Status alone_;                        // its status, in such a job
  std::mutex mutex_;
  std::condition_variable changed_;
  WatchLimits limits_;
  bool ending_ = false;
  uint64_t beats_ = 0;
  bool told_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace allmodes::world
