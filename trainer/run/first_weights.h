#pragma once

// A new run that begins with the weights of another one (`train --from`).

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoints/checkpoint.h"
#include "objectives/objective.h"
#include "training/model.h"
#include "world/communicator.h"

namespace allmodes::run {

// Which tensors a new run takes from a checkpoint: those of the same network, name and shape, of
// weights, their average and the networks' buffers. Moments of optimizers and the count of steps
// are not taken: the new run has its own data and schedule.
struct FirstWeights {
  int64_t taken = 0;
  std::vector<std::string> kept;    // that begin as in a run without --from, each with the reason
  std::vector<std::string> unused;  // of the checkpoint: NETWORK: NAME

  bool all() const { return kept.empty() && unused.empty(); }
};

FirstWeights first_weights(const objectives::Objective& objective,
                           const checkpoints::Opened& checkpoint);

// "kept as a new run's: ..." and "not used: ...", at most 10 names each.
std::string to_text(const FirstWeights& weights);

// Collective over `group`, whose rank 0 alone reads: puts what first_weights() counts into the
// model. Throws kDataError for a file that changed meanwhile.
void take_weights(training::Model& model, const checkpoints::Opened* checkpoint,
                  world::Communicator& group);

}  // namespace allmodes::run
