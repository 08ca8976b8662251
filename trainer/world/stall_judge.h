#pragma once

// Whether a job still moves, from what every rank says about itself. Pure: no clock, no MPI.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "world/flight_log.h"

namespace allmodes::world {

// What a rank says about itself, from a thread that does nothing else.
struct Status {
  uint64_t beats = 0;      // of that thread; when they stop, the process is frozen or cut off
  uint64_t progress = 0;   // FlightLog::progress()
  uint64_t sequence = 0;   // collectives begun
  int64_t bytes = 0;       // of the collective that it waits in
  double longer_s = 0;     // that a wait may take beyond the patience with every wait
  double allowance_s = 0;  // without progress outside of collectives; 0: no limit
  int32_t pid = 0;
  uint16_t waiting = 0;  // 1: in a collective
  uint16_t told = 0;     // 1: it has printed its flight log
  ShortText<160> doing;  // "in #532 all-reduce ...", "in stage 'evaluation'"
};

struct WatchLimits {
  double limit_s = 10;          // a lost rank is found within; 0: off
  double stage_limit_s = 1800;  // of unbounded stages without progress; 0: none
};

// Part of the limit after which a rank counts as lost; the rest is for telling and ending.
inline constexpr double kPatience = 0.5;
// A collective may take as long as its bytes need at this rate, which no network falls below.
inline constexpr double kSlowestBytesPerSecond = 8.0 * 1024 * 1024;

// Seconds that a rank at work may be without progress: its stage's limit, or, in training, ten
// times the longest stretch of work so far.
double allowance(const WatchLimits& limits, const FlightLog& log);

// What a rank says about itself, of what its flight log knows: whether it waits for others or
// works, where, and for how long it may.
Status status_of(const FlightLog& log, const WatchLimits& limits);

struct Stall {
  std::vector<int> ranks;  // that are missing
  std::string text;        // who is missing where, and what the others wait in
};

// Looks at all ranks again and again. Time in which nobody looked does not count, so that a job
// which was suspended as a whole continues.
class StallJudge {
 public:
  // `hosts`: by rank.
  explicit StallJudge(std::vector<std::string> hosts);

  // `now`: seconds, ascending from call to call. `statuses`: by rank. A job does not move when
  //   * a rank's beats have stopped: frozen, or cut off;
  //   * a rank at work has had no progress for longer than its allowance;
  //   * all ranks wait in collectives and none has had progress: they wait for each other.
  // Ranks that wait for one that works are well, however long.
  std::optional<Stall> look(double now, std::span<const Status> statuses,
                            const WatchLimits& limits);

 private:
  struct Seen {
    uint64_t beats = 0;
    uint64_t progress = 0;
    double beat_at = 0;
    double progress_at = 0;
  };
  std::string name(int rank, const Status& status) const;
  std::string others(const std::vector<int>& missing, std::span<const Status> statuses) const;

  std::vector<std::string> hosts_;
  std::vector<Seen> seen_;
  std::optional<double> looked_at_;
  double clock_ = 0;  // seconds in which somebody looked
};

}  // namespace allmodes::world
