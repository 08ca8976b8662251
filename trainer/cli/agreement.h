#pragma once

// What the ranks of a job have to have in common before they train one model together.

#include "cli/check_run.h"
#include "world/communicator.h"
#include "world/runtime.h"

namespace allmodes::cli {

// Collective. What any rank's configuration is refused for, on rank 0's stderr, each text once;
// returns the same exit code on every rank, 0 when all are good.
ExitCode report_refusals(world::Communicator& control, const CheckedRun& run);

// Collective. Throws the same kProtocol error on every rank, naming two ranks and what each of them
// has, unless all have the same version of the program, the same configuration (the first field
// that differs is named) and the same data.
void agree_on_run(world::Communicator& control, const CheckedRun& run);

// Collective, after agree_on_run(). Refuses, on rank 0's stderr, a batch that the ranks cannot
// share out evenly; the same exit code on every rank, 0 when they can.
ExitCode check_batch(const CheckedRun& run, const world::World& world);

}  // namespace allmodes::cli
