#include "run/saver.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/version.h"
#include "run/rollback.h"
#include "run/run_outputs.h"
#include "run/versions.h"
#include "training/average_buffers.h"
#include "training/replicas.h"
#include "training/snapshot.h"

namespace allmodes::run {

Saver::Saver(const OpenedRun& opened, const CheckedRun& run, std::string config,
             world::Runtime& runtime)
    : opened_(opened),
      run_(run),
      config_(std::move(config)),
      runtime_(runtime),
      writer_(space_shortage(run.config())) {
  if (!opened.state) return;
  saved_step_ = opened.state->step;
  if (runtime.world().rank != 0) return;
  try {
    if (is_vouched_for(*opened.state)) {
      healthy_step_ = opened.state->step;
    } else if (const auto healthy = newest_vouched_for(opened.folder)) {
      healthy_step_ = healthy->state.step;
    }
  } catch (const Error& error) {
    // Nobody goes back to it now; should the run collapse, it is looked for again.
    spdlog::warn("no checkpoint is spared for a collapse: {}", error.what());
  }
}

void Saver::save(training::Model& model, const Reporter& reporter,
                 const training::Position& position) {
  if (saved_step_ != position.step) save_anew(model, reporter, position);
}

void Saver::save_anew(training::Model& model, const Reporter& reporter,
                      const training::Position& position) {
  // A checkpoint of one replica stands for all.
  compare_replicas(model, run_, position, runtime_.control());
  const world::ScopedStage saving(runtime_.control().flight_log(), "checkpoint");
  saved_step_ = position.step;
  if (runtime_.world().rank != 0) return;
  const auto& shape = run_.facts.shape;
  checkpoints::State state{.step = position.step,
                           .samples = position.samples,
                           .config = config_,
                           .allmodes_version = kVersionDescription,
                           .libtorch_version = libtorch_version(),
                           .data_fingerprint = run_.dataset->fingerprint(),
                           .ranks = runtime_.world().size,
                           .run_id = opened_.id,
                           .data = {.channels = shape.channels,
                                    .height = shape.height,
                                    .width = shape.width,
                                    .image = shape.image,
                                    .classes = run_.facts.classes,
                                    .size = run_.facts.size,
                                    .existing_classes = run_.existing_classes,
                                    .dimensions = run_.sample_dimensions,
                                    .column_means = run_.column_means,
                                    .column_deviations = run_.column_deviations}};
  reporter.fill(state);
  // A run may have to go back to it: it is not left out for a later one.
  const bool vouched_for = is_vouched_for(state);
  if (vouched_for) healthy_step_ = position.step;
  // For those who sample from the checkpoint without the data.
  training::estimate_average_buffers(model, *run_.objective, *run_.dataset, run_.config().seed);
  const auto snapshot = std::make_shared<training::Snapshot>(training::take_snapshot(model));
  auto write = [folder = opened_.folder, state = std::move(state), snapshot,
                keep = run_.config().checkpoints.keep, spare = healthy_step_,
                records = reporter.record_file()] {
    // A run that goes on from here makes no record of an earlier step again.
    records->settle();
    checkpoints::save(folder.checkpoints(), state, snapshot->payload, keep, spare);
    std::error_code gone_or_not;
    std::filesystem::remove(folder.no_checkpoint_yet(), gone_or_not);
  };
  writer_.begin({.write = std::move(write), .may_be_left_out = !vouched_for});
}

void Saver::finish() {
  const world::ScopedStage saving(runtime_.control().flight_log(), "checkpoint");
  writer_.wait();
}

void compare_replicas(const training::Model& model, const CheckedRun& run,
                      const training::Position& position, world::Communicator& control) {
  if (control.size() == 1 || run.config().consistency.replicas_every == 0) return;
  const world::ScopedStage comparing(control.flight_log(), "comparison of replicas");
  training::check_replicas(model, position, control);
}

}  // namespace allmodes::run
