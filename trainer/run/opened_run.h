#pragma once

// A run's folder as a job has it: new, or continued from a checkpoint in it; held by this job
// alone.

#include <optional>
#include <string>
#include <vector>

#include "checkpoints/checkpoint.h"
#include "records/run_folder.h"
#include "run/first_weights.h"
#include "run/run_lock.h"
#include "run/set_up.h"
#include "training/model.h"

namespace allmodes::run {

struct OpenedRun {
  records::RunFolder folder;
  std::string id;                           // the run's number, as text
  std::optional<checkpoints::State> state;  // of the checkpoint that it continues from
  std::filesystem::path checkpoint;         // its folder
  std::filesystem::path from;               // of a new run: the checkpoint whose weights it takes
  FirstWeights first_weights;               // rank 0: what these are
  std::optional<RunLock> lock;              // rank 0
  // The checkpoint, verified, on the ranks that have read it.
  std::optional<checkpoints::Opened> read;

  // Of the run so far, in their order.
  std::vector<checkpoints::State::Rollback> rollbacks() const {
    return state ? state->rollbacks : std::vector<checkpoints::State::Rollback>{};
  }

  // Whether all of the steps have been made.
  bool finished(int64_t steps) const {
    return state && state->step >= static_cast<uint64_t>(steps);
  }
};

// Collective. What --resume asks for, or a new folder under --out, for which --from is opened and
// compared before it is made (kConfiguration when not all weights fit, unless from_partly). `auto`
// means a new run only where there is no run of that name, or only false starts, which are named
// and passed over. Errors that may pass (of a network file system) are tried again for some
// seconds. Throws kNoInput or kDataError for what is not there or damaged, kInputOutput for what
// cannot be read, kCannotCreate when another job holds the run, and kConfiguration when the
// configuration differs from the checkpoint's in what may not change. Nothing is written to an
// existing run but its lock.
OpenedRun open_run(const TrainOptions& options, const CheckedRun& run, world::Runtime& runtime);

// Collective. Goes on from another checkpoint of the run, which rank 0 has opened.
void go_on_from(OpenedRun& opened, std::optional<checkpoints::Opened> checkpoint,
                world::Runtime& runtime);

// Collective. Puts the opened checkpoint into the model: one rank of each node reads and verifies
// it, the others get it from that one. No rank returns before all have read, so that rank 0 may put
// another checkpoint in the place of this one.
void restore(training::Model& model, OpenedRun& opened, const world::World& world,
             world::Communicator& control);

// Collective. As restore(), the weights of a new run that takes them from `opened.from`.
void begin_with_weights(training::Model& model, OpenedRun& opened, const world::World& world,
                        world::Communicator& control);

// Says on rank 0 how the configuration differs from the checkpoint's, and where a learning rate
// jumps.
void say_differences(const OpenedRun& opened, const config::RunConfig& config);

// The newest checkpoint that a run may go back to (is_vouched_for), verified; nothing when there is
// none. Damaged ones are named in the log and passed over; throws kInputOutput for one that is
// there and cannot be read, after some tries.
std::optional<checkpoints::Opened> newest_vouched_for(const records::RunFolder& folder);

}  // namespace allmodes::run
