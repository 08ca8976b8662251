#pragma once

// Going back after a collapse, decided on values: when, to which checkpoint, and what the run is
// from then on.

#include <vector>

#include "checkpoints/checkpoint.h"
#include "config/run_config.h"
#include "training/events.h"

namespace allmodes::run {

// Whether a run may go back to the checkpoint: its model was judged healthy at that very step, or
// it is the beginning. A verdict of an earlier step says nothing about the weights in it.
bool is_vouched_for(const checkpoints::State& state);

// What is done about an evaluation. A run that may go back keeps each model that was judged
// healthy, so that there is something to go back to whatever the two cadences are. `rollbacks`: so
// far.
training::Reaction reaction_to(const checkpoints::State::Verdict& verdict,
                               const config::Verdict& settings, int64_t rollbacks);

// The state of a run that goes back to `checkpoint` because of `verdict`, after `rollbacks` of
// before: the checkpoint's, with one rollback more.
checkpoints::State after_rollback(checkpoints::State checkpoint,
                                  std::vector<checkpoints::State::Rollback> rollbacks,
                                  const checkpoints::State::Verdict& verdict);

}  // namespace allmodes::run
