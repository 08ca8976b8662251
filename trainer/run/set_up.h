#pragma once

// Everything that a run needs before it touches its folder: configuration, data, agreement of the
// ranks, device and threads.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/checked_run.h"
#include "run/threads.h"
#include "world/device.h"
#include "world/runtime.h"
#include "world/watchdog.h"

namespace allmodes::run {

struct TrainOptions {
  std::string config;
  std::string out = "runs";
  std::vector<std::string> overrides = {};  // FIELD=VALUE
  std::optional<std::string> resume = {};   // "auto", a run folder or a checkpoint folder
  std::optional<std::string> from = {};     // a run or checkpoint folder: a new run's weights
  bool from_partly = false;                 // also where not all of the weights fit
  std::vector<std::string> allow_changes =
      {};                                 // fields or blocks that may differ from the checkpoint's
  std::vector<std::string> command = {};  // the whole command line, to say how to go on
  bool dry_run = false;
  bool quiet = false;
  bool verbose = false;  // whole sentences of verdicts, too
};

struct SetUp {
  CheckedRun run;
  at::Device device = at::kCPU;
  std::unique_ptr<world::Communicator> exchange;  // of gradients and batch statistics
  std::shared_ptr<void> watched;                  // the watchdog asks it for its health
};

at::Device device_of(const world::DeviceChoice& choice);

// The watchdog's limits where no configuration says others.
world::WatchLimits limits_of(const config::Watchdog& watchdog);

// Collective; fills `set_up` and says on rank 0 who takes part. Returns what the run ends with
// before it has begun, on every rank alike: a refusal that has been reported, or 0 after a dry run.
// The watchdog's limits are those of the configuration from the moment that it is read.
std::optional<int> set_up(const TrainOptions& options, world::Runtime& runtime,
                          world::Watchdog& watchdog, SetUp& set_up);

}  // namespace allmodes::run
