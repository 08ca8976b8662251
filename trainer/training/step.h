#pragma once

// One training step: the phases of the family, in order, each a forward, one or more backwards, an
// exchange and an update. The same code serves every family.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gradients/stream_timer.h"
#include "objectives/objective.h"
#include "training/model.h"

namespace allmodes::training {

// A rank's part of a global batch, on the model's device.
struct LocalBatch {
  at::Tensor samples;  // [count, sample shape...]
  at::Tensor labels;   // [count] int64, or undefined
  int64_t first = 0;   // index of its first sample in the global batch
};

// Bytes as data sets keep them to samples in [-1, 1], the same bits on a GPU as Dataset::copy()
// gives.
at::Tensor samples_of_bytes(const at::Tensor& bytes);

// An update that was skipped because the averaged gradient of `network`, or a loss, was not finite.
// The other networks of the phase are not updated either.
struct SkippedUpdate {
  std::string phase;
  std::string network;
  std::vector<int> ranks = {};  // whose own gradient was not finite; none: their sum overflowed
  std::vector<std::string> losses =
      {};  // that were not finite on some rank, by their LossTerm::name
};

// The exchange of a network's gradient in a phase, as far as the phase waited for it.
struct Exchange {
  std::string name;    // "discriminator", "elbo_encoder": phase and network, once where the same
  double seconds = 0;  // that the host of a CPU spent in it
  // On a GPU, whose stream waits and not the host.
  std::shared_ptr<const gradients::StreamTimer> timer = nullptr;
};

// What a step leaves behind for whoever looks at it; tensors are detached and on the device.
struct StepReport {
  // Scalars by name, means over this rank's part ("loss_generator", "d_real").
  std::vector<std::pair<std::string, at::Tensor>> scalars;
  at::Tensor samples;          // the last real batch
  at::Tensor generated;        // the last generated batch
  double loading_seconds = 0;  // the host spent in taking batches
  // Of several ranks, the exchange of gradients that backward did not hide.
  std::vector<Exchange> exchanges;
  // On a CPU, the same on every rank. On a GPU, where looking would make the host wait, empty: the
  // optimizers count there (Model::skipped_updates).
  std::vector<SkippedUpdate> skipped;
};

class PhaseGraphs;

struct StepSettings {
  uint64_t seed = 0;
  int64_t microbatches = 1;
  // The microbatches' gradients are added up as a tree; their number is a power of two.
  bool deterministic = false;
  PhaseGraphs* graphs = nullptr;  // of the objective's phases, on a GPU
};

// Of `config` on `ranks` ranks.
StepSettings step_settings(const config::RunConfig& config, int ranks);

// Takes the next local batch.
using NextBatch = std::function<LocalBatch()>;

// Runs step `step` (from 0). With `update` false no weight changes: gradients are computed and
// averaged, which shows the order in which they become ready.
StepReport run_step(const objectives::Objective& objective, Model& model, const NextBatch& next,
                    uint64_t step, const StepSettings& settings, bool update = true);

// Lets rank 0's gradient order, seen on `batch`, decide every network's layout on all ranks.
void adopt_ready_order(const objectives::Objective& objective, Model& model,
                       const LocalBatch& batch, const StepSettings& settings,
                       world::Communicator& control);

}  // namespace allmodes::training
