#pragma once

#include <cstdint>

#include "config/run_config.h"

namespace allmodes::optimizers {

// The learning rate of step `step` (from 0) of `steps`: linear warm-up from learning_rate / warmup
// to learning_rate, then constant, linear or cosine decay that reaches 0 behind the last step.
double learning_rate(const config::Optimizer& optimizer, int64_t step, int64_t steps);

// The averaging decay of step `step`: min(ema_decay, (1 + step) / (10 + step)), so that the average
// follows the weights closely while they move most.
double ema_decay(const config::Optimizer& optimizer, int64_t step);

}  // namespace allmodes::optimizers
