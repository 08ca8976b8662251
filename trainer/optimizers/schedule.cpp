#include "optimizers/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace allmodes::optimizers {

double learning_rate(const config::Optimizer& optimizer, int64_t step, int64_t steps) {
  const auto at = static_cast<double>(step);
  const auto warmup = static_cast<double>(optimizer.warmup_steps);
  if (at < warmup) return optimizer.learning_rate * (at + 1) / warmup;
  const double rest = std::max(1.0, static_cast<double>(steps) - warmup);
  const double progress = std::clamp((at - warmup) / rest, 0.0, 1.0);
  if (optimizer.decay == "linear") return optimizer.learning_rate * (1 - progress);
  if (optimizer.decay == "cosine")
    return optimizer.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return optimizer.learning_rate;
}

double ema_decay(const config::Optimizer& optimizer, int64_t step) {
  const auto at = static_cast<double>(step);
  return std::min(optimizer.ema_decay, (1 + at) / (10 + at));
}

}  // namespace allmodes::optimizers
