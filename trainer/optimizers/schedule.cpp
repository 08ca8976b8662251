#include "optimizers/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/anneal.h"

namespace allmodes::optimizers {

double learning_rate(const config::Optimizer& optimizer, int64_t step, Length length) {
  const auto at = static_cast<double>(step);
  const auto warmup = static_cast<double>(optimizer.warmup_steps);
  if (at < warmup) return optimizer.learning_rate * (at + 1) / warmup;
  if (optimizer.last_learning_rate > 0)
    return annealed(optimizer.learning_rate, optimizer.last_learning_rate, step * length.batch,
                    optimizer.anneal_samples);
  const double rest = std::max(1.0, static_cast<double>(length.steps) - warmup);
  const double progress = std::clamp((at - warmup) / rest, 0.0, 1.0);
  if (optimizer.decay == "linear") return optimizer.learning_rate * (1 - progress);
  if (optimizer.decay == "cosine")
    return optimizer.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return optimizer.learning_rate;
}

double beta2(const config::Optimizer& optimizer, int64_t step, Length length) {
  if (optimizer.last_beta2 == 0) return optimizer.beta2;
  return annealed(optimizer.beta2, optimizer.last_beta2, step * length.batch,
                  optimizer.anneal_samples);
}

double ema_decay(const config::Optimizer& optimizer, int64_t step, Length length) {
  if (optimizer.ema_half_life > 0) {
    constexpr double kLeast = 1e-8;  // samples
    const double half_life =
        optimizer.anneal_samples == 0
            ? optimizer.ema_half_life
            : annealed(0, optimizer.ema_half_life, step * length.batch, optimizer.anneal_samples);
    return std::exp2(-static_cast<double>(length.batch) / std::max(half_life, kLeast));
  }
  const auto at = static_cast<double>(step);
  return std::min(optimizer.ema_decay, (1 + at) / (10 + at));
}

}  // namespace allmodes::optimizers
