#pragma once

// Decides after which steps the ranks run the collective by which they agree to stop: about every
// half second. A signal may reach any rank at any time, and a collective in every step would cost
// too much.

#include <algorithm>
#include <cstdint>

namespace allmodes::training {

// After which steps to agree: about once in `period` seconds, and after every step where one takes
// longer. All ranks have to give agreed() the same figures; then all take the same decisions.
class AgreementCadence {
 public:
  explicit AgreementCadence(double period_s) : period_s_(period_s) {}

  // Whether the ranks agree after step `step`; the first time at once.
  bool due(uint64_t step) const { return step >= next_; }

  // They have, after `step`. `seconds_per_step`: since the time before, of the slowest rank. The
  // interval at most doubles, so that a few quick steps do not put off the next time for long.
  void agreed(uint64_t step, double seconds_per_step) {
    const double most = 2.0 * static_cast<double>(interval_);
    const double wanted = seconds_per_step > 0 ? period_s_ / seconds_per_step : most;
    interval_ = static_cast<uint64_t>(std::clamp(wanted, 1.0, most));
    next_ = step + interval_;
  }

 private:
  double period_s_;
  uint64_t interval_ = 1;
  uint64_t next_ = 0;
};

}  // namespace allmodes::training
