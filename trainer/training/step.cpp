#include "training/step.h"
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "base/error.h"
#include "gradients/compute_stream.h"
#include "gradients/gradient_hooks.h"
#include "training/noise.h"

namespace allmodes::training {
namespace {

// Adds `value / parts` to the scalar `name`, so that microbatches average.
void accumulate(StepReport& report, const std::string& name, const at::Tensor& value,
                int64_t parts) {
  const at::Tensor share = parts == 1 ? value.detach() : value.detach() / parts;
  for (auto& [known, sum] : report.scalars) {
    if (known == name) {
      sum = sum + share;
      return;
    }
  }
  report.scalars.emplace_back(name, share);
}

// Forward and backward of one microbatch.
void run_microbatch(const objectives::Phase& phase, const LocalBatch& part, uint64_t step,
                    const StepSettings& settings, Model& model, StepReport& phase_report,
                    StepReport& report) {
  const NoiseScope scope{settings.seed, phase.name, step, part.first, part.samples.size(0)};
  objectives::PhaseInput input{part.samples, part.labels,
                               {},           model.training_forward(phase.trains, scope),
                               step,         model.coupling()};
  for (const auto& noise : phase.noise)
    input.noises.emplace_back(noise.name, make_noise(noise, scope, model.device()));
  const objectives::PhaseOutput output = phase.losses(input);
  at::Tensor total;
  for (const auto& term : output.losses) {
    const double weight = term.weight / static_cast<double>(settings.microbatches);
    const at::Tensor weighted = weight == 1.0 ? term.value : term.value * weight;
    total = total.defined() ? total + weighted : weighted;
    accumulate(phase_report, "loss_" + term.name, term.value, settings.microbatches);
  }
  gradients::backward(total);
  for (const auto& seen : output.observations)
    accumulate(phase_report, seen.name, seen.value, settings.microbatches);
  if (output.generated.defined()) report.generated = output.generated.detach();
}

void run_phase(const objectives::Phase& phase, Model& model, const LocalBatch& batch, uint64_t step,
               const StepSettings& settings, bool update, StepReport& report) {
  for (auto& network : model.networks()) {
    gradients::set_trainable(network->flat, std::find(phase.trains.begin(), phase.trains.end(),
                                                      network->flat.name) != phase.trains.end());
  }
  std::vector<NetworkState*> trained;
  for (const auto& name : phase.trains) trained.push_back(&model.at(name));
  for (auto* network : trained) network->reducer->arm();

  for (auto& network : model.networks()) network->statistics = {};
  const int64_t count = batch.samples.size(0) / settings.microbatches;
  StepReport phase_report;
  for (int64_t part = 0; part < settings.microbatches; ++part) {
    for (auto* network : trained)
      network->reducer->hold(settings.deterministic || part + 1 < settings.microbatches);
    const LocalBatch micro{
        batch.samples.narrow(0, part * count, count),
        batch.labels.defined() ? batch.labels.narrow(0, part * count, count) : at::Tensor(),
        batch.first + part * count};
    if (settings.deterministic)
      for (auto* network : trained) network->statistics = {};
    run_microbatch(phase, micro, step, settings, model, phase_report, report);
    if (!settings.deterministic) continue;
    for (auto* network : trained) {
      Model::store_batch_statistics(*network, 1.0 / static_cast<double>(settings.microbatches));
      network->reducer->end_part();
    }
  }
  const world::Stream stream = gradients::compute_stream(model.device());
  for (auto* network : trained) {
    if (!settings.deterministic) Model::store_batch_statistics(*network, 1.0);
    network->reducer->launch_rest(stream);
  }
  for (auto* network : trained) {
    network->reducer->finish(stream);
    report.exchange_seconds += network->reducer->exchange_seconds();
    if (!update) continue;
    auto& optimizer = network->optimizer_in(phase);
    optimizer.step(static_cast<int64_t>(step));
    if (phase.clip_weights > 0) optimizer.clamp_weights(phase.clip_weights);
    Model::update_running_statistics(*network);
  }
  // Of a phase that runs several times a step, the last one is reported.
  for (auto& [name, value] : phase_report.scalars) {
    const auto known = std::find_if(report.scalars.begin(), report.scalars.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (known == report.scalars.end()) {
      report.scalars.emplace_back(name, value);
    } else {
      known->second = value;
    }
  }
}

}  // namespace

StepSettings step_settings(const config::RunConfig& config, int ranks) {
  if (config.deterministic_shards > 0)
    return {config.seed, config.deterministic_shards / ranks, true};
  return {config.seed, config.microbatches};
}

StepReport run_step(const objectives::Objective& objective, Model& model, const NextBatch& next,
                    uint64_t step, const StepSettings& settings, bool update) {
  StepReport report;
  LocalBatch batch;
  for (const auto& phase : objective.phases()) {
    if (!phase.runs_in(step)) continue;
    if (phase.reads_samples) batch = next();
    ALLMODES_CHECK(batch.samples.defined(), "phase '{}' comes before any that reads samples",
                   phase.name);
    run_phase(phase, model, batch, step, settings, update, report);
  }
  report.samples = batch.samples;
  return report;
}

void adopt_ready_order(const objectives::Objective& objective, Model& model,
                       const LocalBatch& batch, const StepSettings& settings,
                       world::Communicator& control) {
  std::vector<std::vector<int64_t>> orders(model.networks().size());
  StepReport ignored;
  for (const auto& phase : objective.phases()) {
    run_phase(phase, model, batch, 0, settings, /*update=*/false, ignored);
    for (size_t i = 0; i < orders.size(); ++i) {
      const auto& ready = model.networks()[i]->reducer->ready_order();
      if (ready.size() > orders[i].size()) orders[i] = ready;
    }
  }
  for (size_t i = 0; i < orders.size(); ++i) {
    const auto order = gradients::agree_on_order(model.networks()[i]->flat, orders[i], control);
    model.relayout(model.networks()[i]->flat.name, order);
  }
}

}  // namespace allmodes::training
