#pragma once

// What the ranks of a job have to have in common before they train one model together.

#include <chrono>
#include <optional>
#include <string>

#include "run/checked_run.h"
#include "training/cadence.h"
#include "training/loop.h"
#include "world/communicator.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes::run {

// Rank 0's text on every rank. Collective.
std::string from_root(world::Communicator& control, const std::string& text);

// Collective. What any rank's configuration is refused for, on rank 0's stderr, each text once;
// returns the same exit code on every rank, 0 when all are good.
ExitCode report_refusals(world::Communicator& control, const CheckedRun& run);

// Collective. Throws the same kProtocol error on every rank, naming two ranks and what each of them
// has, unless all have the same version of the program, the same configuration (the first field
// that differs is named) and the same data.
void agree_on_run(world::Communicator& control, const CheckedRun& run);

// What is asked of a run between two steps. A signal may reach some ranks alone, and each at
// another step, and no two clocks agree, so that all ranks agree on it: about twice a second.
class RequestAgreement {
 public:
  // Asks for a save when the last one, or the beginning, is `save_every_s` seconds ago; 0: never.
  // When a run saves has no influence on what it computes.
  RequestAgreement(const world::StopRequest& signals, world::Communicator& control,
                   double save_every_s)
      : signals_(signals), control_(control), save_every_s_(save_every_s) {}

  // Called after each step, by all ranks; a collective after some of them. The same on every rank.
  training::Request ask(const training::Position& position);
  // The run saves, for whatever reason, on all ranks after the same step.
  void saved() { saved_at_ = std::chrono::steady_clock::now(); }

 private:
  const world::StopRequest& signals_;
  world::Communicator& control_;
  double save_every_s_;
  training::AgreementCadence cadence_{0.5};
  std::chrono::steady_clock::time_point agreed_at_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point saved_at_ = agreed_at_;
  std::optional<uint64_t> agreed_step_;
};

// The most ranks, of 1 to `limit`, among which the batch (or the deterministic shards) can be
// shared out evenly; 1 where not even one can take it whole.
int64_t most_ranks(const config::RunConfig& config, int64_t limit);

// Why `ranks` ranks cannot share out the batch, one line with its place and what would fit; empty
// where they can.
std::string uneven_batch(const CheckedRun& run, int64_t ranks);

// Collective, after agree_on_run(). Refuses, on rank 0's stderr, a batch that the ranks cannot
// share out evenly, and shards that their places do not suit (a rank may find that for itself
// alone); the same exit code on every rank, 0 when all is well.
ExitCode check_batch(const CheckedRun& run, world::Communicator& control,
                     const world::World& world);

}  // namespace allmodes::run
