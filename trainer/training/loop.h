#pragma once

// The loop over steps: it decides when to log, evaluate, checkpoint and stop; what these do is up
// to the hooks. All ranks take every decision alike.

#include <functional>

#include "training/events.h"
#include "training/step.h"

namespace allmodes::training {

struct LoopHooks {
  NextBatch next;
  // After a log step, with that step's report.
  std::function<void(const Position&, const StepReport&)> log;
  // Evaluates and says what is done about the result.
  std::function<Reaction(const Position&)> evaluate;
  std::function<void(const Position&)> checkpoint;
  std::function<void(const Position&)> images;
  // Every step, cheap: progress.
  std::function<void(const Position&, const StepReport&)> tick;
  // Asked before the first step and after every one but the last; the answer must be the same on
  // every rank.
  std::function<Request(const Position&)> requested;
  // After a step that skipped updates; on a GPU, where only its own counters know, after every log
  // step. True, on every rank alike: stop.
  std::function<bool(const Position&, const std::vector<SkippedUpdate>&)> skipped;
};

// Trains from `position` to config.steps. Leaves with a checkpoint behind it, but for a rollback: a
// collapsed model is nothing to keep.
StopReason run_loop(const config::RunConfig& config, const objectives::Objective& objective,
                    Model& model, Position& position, const LoopHooks& hooks);

// Samples that step `step` (from 0) of the family consumes globally.
int64_t samples_of_step(const objectives::Objective& objective, int64_t batch, uint64_t step);

}  // namespace allmodes::training
