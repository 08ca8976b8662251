#include "training/step.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "training/noise.h"
#include "training/phase_graphs.h"
#include "training/phase_run.h"

namespace allmodes::training {
namespace {

// Adds a phase's report to its step's. Of scalars that several phases have, the last one stays.
void merge(StepReport& report, StepReport phase) {
  for (auto& [name, value] : phase.scalars) {
    const auto known = std::find_if(report.scalars.begin(), report.scalars.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (known == report.scalars.end()) {
      report.scalars.emplace_back(name, value);
    } else {
      known->second = value;
    }
  }
  if (phase.generated.defined()) report.generated = phase.generated;
  report.exchanges.insert(report.exchanges.end(), phase.exchanges.begin(), phase.exchanges.end());
  report.skipped.insert(report.skipped.end(), phase.skipped.begin(), phase.skipped.end());
}

// The index of the last phase of step `step` that updates `network`.
size_t last_update(const std::vector<objectives::Phase>& phases, const std::string& network,
                   uint64_t step) {
  size_t last = phases.size();
  for (size_t i = 0; i < phases.size(); ++i)
    if (phases[i].runs_in(step) &&
        std::ranges::find(phases[i].trains, network) != phases[i].trains.end())
      last = i;
  return last;
}

// A phase with its update, by a graph where the settings have graphs.
StepReport run_updating(const std::vector<objectives::Phase>& phases, size_t index, Model& model,
                        const LocalBatch& batch, uint64_t step, const StepSettings& settings,
                        ReusedPass* reused) {
  const auto& phase = phases[index];
  for (const auto& name : phase.trains)
    model.at(name).optimizer_in(phase).schedule(
        static_cast<int64_t>(step), /*averages=*/last_update(phases, name, step) == index);
  const auto work = [&](const LocalBatch& from, const NoiseSource& noise) {
    return PhaseRun(phase, model, settings, step, from, noise, reused).run(/*update=*/true);
  };
  if (settings.graphs != nullptr) {
    return settings.graphs->run(index, batch, step, work, [&] {
      for (const auto& name : phase.trains) model.at(name).reducer->abandon();
    });
  }
  return work(batch, noise_on(model.device()));
}

}  // namespace

at::Tensor samples_of_bytes(const at::Tensor& bytes) {
  return bytes.to(at::kFloat).sub_(data::kByteCentre).mul_(data::kByteScale);
}

StepSettings step_settings(const config::RunConfig& config, int ranks) {
  if (config.deterministic_shards > 0)
    return {config.seed, config.deterministic_shards / ranks, true};
  return {config.seed, config.microbatches};
}

StepReport run_step(const objectives::Objective& objective, Model& model, const NextBatch& next,
                    uint64_t step, const StepSettings& settings, bool update) {
  if (update) model.forget_average_buffers();
  StepReport report;
  LocalBatch batch;
  const NoiseSource noise = noise_on(model.device());
  ReusedPass pass;
  // A phase that is recorded on a GPU stands alone, and so does a shard.
  ReusedPass* const reused = model.device().is_cpu() && !settings.deterministic ? &pass : nullptr;
  const auto& phases = objective.phases();
  for (size_t i = 0; i < phases.size(); ++i) {
    const auto& phase = phases[i];
    if (!phase.runs_in(step)) continue;
    if (phase.reads_samples) {
      pass.drop();
      const auto start = std::chrono::steady_clock::now();
      batch = next();
      report.loading_seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    ALLMODES_CHECK(batch.samples.defined(), "phase '{}' comes before any that reads samples",
                   phase.name);
    merge(report,
          update
              ? run_updating(phases, i, model, batch, step, settings, reused)
              : PhaseRun(phase, model, settings, step, batch, noise, reused).run(/*update=*/false));
  }
  report.samples = batch.samples;
  return report;
}

void adopt_ready_order(const objectives::Objective& objective, Model& model,
                       const LocalBatch& batch, const StepSettings& settings,
                       world::Communicator& control) {
  std::vector<std::vector<int64_t>> orders(model.networks().size());
  const NoiseSource noise = noise_on(model.device());
  for (const auto& phase : objective.phases()) {
    PhaseRun(phase, model, settings, 0, batch, noise).run(/*update=*/false);
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
