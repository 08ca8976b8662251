#pragma once

// A training run from set-up to its last word: devices, agreement of the ranks, run folder, resume,
// the loop, and what is written at each of its events.

#include <optional>
#include <string>
#include <vector>

#include "run/checked_run.h"
#include "world/runtime.h"

namespace allmodes::run {

struct TrainOptions {
  std::string config;
  std::string out = "runs";
  std::vector<std::string> overrides;  // FIELD=VALUE
  std::optional<std::string> resume;   // "auto", a run folder or a checkpoint folder
  bool dry_run = false;
  bool quiet = false;
};

// Trains; collective. Returns the exit code.
int train(const TrainOptions& options, world::Runtime& runtime);

}  // namespace allmodes::run
