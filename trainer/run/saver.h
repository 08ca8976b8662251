#pragma once

// Saves a run's checkpoints.

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoints/checkpoint_writer.h"
#include "run/opened_run.h"
#include "run/reporter.h"

namespace allmodes::run {

class Saver {
 public:
  // `config`: as it was written, without the adjustments of rollbacks. Looks on rank 0 for the
  // checkpoint to spare among those of the run.
  Saver(const OpenedRun& opened, const CheckedRun& run, std::string config,
        world::Runtime& runtime);

  // Collective where replicas are compared; rank 0 copies the model and writes beside the training
  // that goes on. The newest `keep` checkpoints stay, and,
  // whatever their age, the newest one that was judged healthy at its own step: a model that
  // collapses later does not take the good one with it. Does nothing when the run's checkpoint of
  // that step is there already.
  void save(training::Model& model, const Reporter& reporter, const training::Position& position);
  // The same, whatever is there: the state differs from that of the checkpoint of this step.
  void save_anew(training::Model& model, const Reporter& reporter,
                 const training::Position& position);

  // Throws the failure of a save that has ended; does not wait.
  void check() { writer_.check(); }
  // Waits for the save that is under way, and throws its failure.
  void finish();

 private:
  const OpenedRun& opened_;
  const CheckedRun& run_;
  std::string config_;
  world::Runtime& runtime_;
  std::optional<uint64_t> saved_step_;
  std::optional<uint64_t> healthy_step_;  // of the newest checkpoint that is vouched for
  checkpoints::CheckpointWriter writer_;
};

// Collective. Compares the replicas of a job of several ranks, unless consistency.replicas_every is
// 0. Throws kProtocol.
void compare_replicas(const training::Model& model, const CheckedRun& run,
                      const training::Position& position, world::Communicator& control);

}  // namespace allmodes::run
