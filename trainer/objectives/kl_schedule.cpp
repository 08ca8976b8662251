#include "objectives/kl_schedule.h"

#include <algorithm>

#include "base/error.h"

namespace allmodes::objectives {

double kl_weight(const std::string& schedule, double beta, int64_t warmup, uint64_t step) {
  if (schedule == "constant") return beta;
  ALLMODES_CHECK(warmup >= 1, "a KL schedule '{}' over {} steps", schedule, warmup);
  const auto length = static_cast<double>(warmup);
  if (schedule == "linear") return beta * std::min(1.0, static_cast<double>(step) / length);
  ALLMODES_CHECK(schedule == "cyclical", "unknown KL schedule '{}'", schedule);
  const double place = static_cast<double>(step % static_cast<uint64_t>(warmup)) / length;
  return beta * std::min(1.0, 2 * place);
}

}  // namespace allmodes::objectives
