#pragma once

#include <cstdint>

#include "config/run_config.h"

namespace allmodes::optimizers {

// How long a run is, and how fast it sees samples.
struct Length {
  constexpr Length(int64_t steps_, int64_t batch_ = 1) : steps(steps_), batch(batch_) {}
  int64_t steps;
  int64_t batch;  // samples a step, over all ranks
};

// The learning rate of step `step` (from 0): linear warm-up from learning_rate / warmup to
// learning_rate, then constant, linear or cosine decay that reaches 0 behind the last step; or
// annealed to last_learning_rate.
double learning_rate(const config::Optimizer& optimizer, int64_t step, Length length);

// The decay of the mean of squared gradients in step `step`, annealed to last_beta2.
double beta2(const config::Optimizer& optimizer, int64_t step, Length length);

// The averaging decay of step `step`: min(ema_decay, (1 + step) / (10 + step)), so that the average
// follows the weights closely while they move most. With ema_half_life it is
// 2^(-batch / half life), the half life annealed from 0, where the average is the weights.
double ema_decay(const config::Optimizer& optimizer, int64_t step, Length length);

}  // namespace allmodes::optimizers
