#pragma once

// A training run from set-up to its last word.

#include "run/set_up.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes::run {

// Trains; collective. Returns the exit code. Errors end the whole job after they have been said. A
// signal that `signals` has noted, whenever it came, ends the run with a checkpoint at the next
// step.
int train(const TrainOptions& options, world::Runtime& runtime, const world::StopRequest& signals);

}  // namespace allmodes::run
