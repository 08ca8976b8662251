#include "world/starvation.h"

#include <algorithm>
#include <fstream>

namespace allmodes::world {

ProcessorTimes processor_times() {
  // Nanoseconds on a processor, and in the scheduler's queue.
  std::ifstream file("/proc/self/schedstat");
  double ran = 0, queued = 0;
  if (!(file >> ran >> queued)) return {};
  return {.ran = 1e-9 * ran, .queued = 1e-9 * queued};
}

double Starvation::longer(uint64_t progress, const ProcessorTimes& now) {
  constexpr double kHardlyRuns = 9;
  if (!began_ || progress != progress_) {
    began_ = true;
    progress_ = progress;
    before_ = now;
  }
  const double ran = now.ran - before_.ran, queued = now.queued - before_.queued;
  return queued >= kHardlyRuns * ran ? std::min(queued, kMostStarved) : 0;
}

}  // namespace allmodes::world
