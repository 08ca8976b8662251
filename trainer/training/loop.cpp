#include "training/loop.h"

#include <optional>

#include "gradients/step_pacer.h"
#include "training/phase_graphs.h"

namespace allmodes::training {
namespace {

bool due(uint64_t step, int64_t every) {
  return every > 0 && step % static_cast<uint64_t>(every) == 0;
}

}  // namespace

int64_t samples_of_step(const objectives::Objective& objective, int64_t batch, uint64_t step) {
  int64_t batches = 0;
  for (const auto& phase : objective.phases())
    batches += phase.reads_samples && phase.runs_in(step) ? 1 : 0;
  return batches * batch;
}

StopReason run_loop(const config::RunConfig& config, const objectives::Objective& objective,
                    Model& model, Position& position, const LoopHooks& hooks) {
  StepSettings settings = step_settings(config, model.ranks());
  std::optional<PhaseGraphs> graphs;
  if (model.device().is_cuda() && config.gpu.graphs)
    settings.graphs = &graphs.emplace(objective.phases().size(), model.device());
  gradients::StepPacer pacer(model.device(), model.exchange().flight_log());
  const auto steps = static_cast<uint64_t>(config.steps);
  // A signal may have come long before, while data were loaded or the run went back.
  if (position.step < steps && hooks.requested(position) == Request::stop) {
    hooks.checkpoint(position);
    return StopReason::kSignal;
  }
  if (position.step == 0) {
    hooks.images(position);
    (void)hooks.evaluate(position);  // the figures of the untrained model; no verdict is acted upon
  }
  while (position.step < steps) {
    const StepReport report = run_step(objective, model, hooks.next, position.step, settings);
    position.samples +=
        static_cast<uint64_t>(samples_of_step(objective, config.batch, position.step));
    ++position.step;
    pacer.step_enqueued(position.step);
    hooks.tick(position, report);
    const bool last = position.step == steps;
    const bool log_step = last || due(position.step, config.diagnostics.log_every);
    if (log_step) {
      pacer.wait_for_all();
      hooks.log(position, report);
    }
    if (last || due(position.step, config.images.every)) hooks.images(position);
    const Reaction reaction = last || due(position.step, config.diagnostics.evaluate_every)
                                  ? hooks.evaluate(position)
                                  : Reaction::none;
    if (reaction == Reaction::rollback) return StopReason::kRollback;
    const bool collapsed = reaction == Reaction::stop;
    const Request request = last ? Request::none : hooks.requested(position);
    const bool may_have_skipped = model.device().is_cpu() ? !report.skipped.empty() : log_step;
    const bool not_finite = may_have_skipped && hooks.skipped(position, report.skipped) && !last;
    if (last || collapsed || request != Request::none || not_finite || reaction == Reaction::keep ||
        due(position.step, config.checkpoints.every))
      hooks.checkpoint(position);
    if (collapsed) return StopReason::kCollapsed;
    if (not_finite) return StopReason::kNotFinite;
    if (request == Request::stop) return StopReason::kSignal;
  }
  return StopReason::kFinished;
}

}  // namespace allmodes::training
