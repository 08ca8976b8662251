#pragma once

// What rank 0 says about a run as a whole: at its beginning, and when it stops before its end.

#include "config/run_config.h"
#include "run/opened_run.h"
#include "run/set_up.h"
#include "world/runtime.h"

namespace allmodes::run {

// On rank 0; elsewhere nothing. Begins the run folder: removes what a crash left there, writes the
// configuration `original` (not into a run that has all its steps, whose configuration stays the
// one that they were made with), opens its log, and says what is trained, where, and what it
// continues from. Throws kInputOutput or kCannotCreate for a folder that cannot be written.
void begin_folder(const TrainOptions& options, const CheckedRun& run,
                  const config::RunConfig& original, const OpenedRun& opened,
                  const world::World& world);

// The command line that continues a run which a signal has stopped. Not said where
// ALLMODES_NAMES_COMMAND is set: launch/run.sh and the batch scripts know the command that started
// the ranks, and name that one.
void say_how_to_continue(const TrainOptions& options, const OpenedRun& opened, int ranks);

}  // namespace allmodes::run
