#pragma once

// Whether a process that waits has the processor for it: what looks like ranks that wait for each
// other may be ranks that have hardly run, on a machine that others use.

#include <cstdint>

namespace allmodes::world {

// Of the process's main thread, since it began; seconds.
struct ProcessorTimes {
  double ran = 0;
  double queued = 0;  // it could have run, and others did
};

// Zeros where the system does not tell (/proc/self/schedstat).
ProcessorTimes processor_times();

// Looks again and again at a thread that waits.
class Starvation {
 public:
  // Seconds for which its wait may last longer: those since `progress` last changed in which it was
  // queued, where that is at least nine tenths of its time; at most kMostStarved. A thread that
  // sleeps, or spins on a processor that it has a share of, has none.
  double longer(uint64_t progress, const ProcessorTimes& now);

 private:
  bool began_ = false;
  uint64_t progress_ = 0;
  ProcessorTimes before_;
};

// So that ranks that never meet are found on any machine: five times the usual limit.
inline constexpr double kMostStarved = 50;

}  // namespace allmodes::world
