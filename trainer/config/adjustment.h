#pragma once

// What a rollback changes: the configuration of a run after so many of them, a pure function of the
// one it was started with.

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace allmodes::config {

// `config` with every adjustment of verdict.rollback applied `rollbacks` times: factors to that
// power, additions so many times. No shape of a network changes. rollbacks >= 0.
RunConfig adjusted(const RunConfig& config, int64_t rollbacks);

// "gan.generator_optimizer.learning_rate 0.001 -> 0.0005": the fields in which adjusted(config,
// rollbacks) differs from adjusted(config, rollbacks - 1); rollbacks >= 1.
std::vector<std::string> adjustments(const RunConfig& config, int64_t rollbacks);

// Adjustments that the family has no use for, as names of fields of verdict.rollback.
std::vector<std::string> idle_adjustments(const RunConfig& config);

// Whether a rollback changes anything: else the same steps would be made again.
bool adjusts(const RunConfig& config);

}  // namespace allmodes::config
