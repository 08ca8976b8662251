#include "training/step.h"
#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>

#include "base/error.h"
#include "gradients/compute_stream.h"
#include "gradients/gradient_hooks.h"
#include "training/noise.h"
#include "training/phase_graphs.h"

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

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// What a phase hands on to a later one of the step.
struct HandedOn {
  std::vector<std::string> networks;  // that made it
  std::vector<at::Tensor> parts;      // by microbatch

  bool made_by(const std::string& network) const {
    return !parts.empty() && contains(networks, network);
  }
  void drop() { *this = {}; }
};

// A phase in one step.
struct PhaseCall {
  const objectives::Phase& phase;
  Model& model;
  const LocalBatch& batch;
  uint64_t step;
  const StepSettings& settings;
  const NoiseSource& noise;
  bool* step_read = nullptr;
  HandedOn* handed_on = nullptr;  // null: every phase computes for itself

  bool hands_on() const { return handed_on != nullptr && !phase.hands_on.empty(); }
};

// Forward and backward of microbatch `index`.
void run_microbatch(const PhaseCall& call, const LocalBatch& part, size_t index,
                    StepReport& report) {
  const auto& [phase, model, batch, step, settings, noise, step_read, handed_on] = call;
  const NoiseScope scope{settings.seed, phase.name, step, part.first, part.samples.size(0)};
  std::vector<std::string> own_statistics = phase.trains;
  if (call.hands_on())
    own_statistics.insert(own_statistics.end(), phase.hands_on.begin(), phase.hands_on.end());
  objectives::PhaseInput input{
      part.samples,      part.labels,     {}, model.training_forward(own_statistics, scope, noise),
      {step, step_read}, model.coupling()};
  if (handed_on != nullptr && index < handed_on->parts.size())
    input.handed_on = handed_on->parts[index];
  for (const auto& wanted : phase.noise)
    input.noises.emplace_back(wanted.name, noise(wanted, scope));
  const objectives::PhaseOutput output = phase.losses(input);
  if (call.hands_on()) {
    if (index == 0) *handed_on = {phase.hands_on, {}};
    handed_on->parts.push_back(output.handed_on);
  }
  at::Tensor total;
  for (const auto& term : output.losses) {
    const double weight = term.weight / static_cast<double>(settings.microbatches);
    const at::Tensor weighted = weight == 1.0 ? term.value : term.value * weight;
    total = total.defined() ? total + weighted : weighted;
    accumulate(report, "loss_" + term.name, term.value, settings.microbatches);
  }
  gradients::backward(total);
  for (const auto& seen : output.observations)
    accumulate(report, seen.name, seen.value, settings.microbatches);
  if (output.generated.defined()) report.generated = output.generated.detach();
}

// Forwards and backwards of a phase; the gradients of all but the last are held, or of all of them.
void run_backwards(const PhaseCall& call, bool hold_all, StepReport& report) {
  const auto& [phase, model, batch, step, settings, noise, step_read, handed_on] = call;
  for (auto& network : model.networks())
    if (handed_on == nullptr || !handed_on->made_by(network->flat.name)) network->statistics = {};
  const int64_t count = batch.samples.size(0) / settings.microbatches;
  for (int64_t part = 0; part < settings.microbatches; ++part) {
    for (const auto& name : phase.trains)
      model.at(name).reducer->hold(hold_all || settings.deterministic ||
                                   part + 1 < settings.microbatches);
    const LocalBatch micro{
        batch.samples.narrow(0, part * count, count),
        batch.labels.defined() ? batch.labels.narrow(0, part * count, count) : at::Tensor(),
        batch.first + part * count};
    if (settings.deterministic)
      for (const auto& name : phase.trains) model.at(name).statistics = {};
    run_microbatch(call, micro, static_cast<size_t>(part), report);
    if (!settings.deterministic) continue;
    for (const auto& name : phase.trains) {
      Model::store_batch_statistics(model.at(name),
                                    1.0 / static_cast<double>(settings.microbatches));
      model.at(name).reducer->end_part();
    }
  }
}

// Whose own gradients were not finite, of the networks that were left out. The average does not
// tell, so the phase is run again, without its exchange: same weights, same batch, same noise. All
// ranks do so in the same step, since all have seen the same average.
void find_sources(const PhaseCall& call, std::span<LeftOut> left_out) {
  const auto& phase = call.phase;
  Model& model = call.model;
  auto& ranks = model.exchange();
  const auto size = static_cast<size_t>(ranks.size());
  for (const auto& name : phase.trains) model.at(name).reducer->arm();
  StepReport ignored;
  PhaseCall again = call;
  again.handed_on = nullptr;
  run_backwards(again, /*hold_all=*/true, ignored);
  for (const auto& name : phase.trains) model.at(name).reducer->settle();
  std::vector<int64_t> flags(left_out.size() * size, 0);
  for (size_t i = 0; i < left_out.size(); ++i) {
    const at::Tensor norm = at::linalg_vector_norm(model.at(left_out[i].network).flat.gradient());
    flags[i * size + static_cast<size_t>(ranks.rank())] =
        std::isfinite(norm.item<double>()) ? 0 : 1;
  }
  const world::Stream stream = gradients::compute_stream(model.device());
  for (const auto& name : phase.trains) model.at(name).reducer->finish(stream);
  world::all_reduce_host(ranks, std::span(flags), world::ReduceOp::sum);
  for (size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != 0) left_out[i / size].ranks.push_back(static_cast<int>(i % size));
}

// Waits for the averaged gradient of `network`, and says how long.
Exchange finish_exchange(const std::string& phase, NetworkState& network, world::Stream stream) {
  const auto& name = network.flat.name;
  Exchange exchange{phase == name ? name : fmt::format("{}_{}", phase, name)};
  if (network.flat.parameters.is_cpu()) {
    network.reducer->finish(stream);
    exchange.seconds = network.reducer->exchange_seconds();
  } else {
    const auto timer = std::make_shared<gradients::StreamTimer>();
    timer->start(stream);
    network.reducer->finish(stream);
    timer->stop(stream);
    exchange.timer = timer;
  }
  return exchange;
}

StepReport run_phase(const PhaseCall& call, bool update) {
  const auto& [phase, model, batch, step, settings, noise, step_read, handed_on] = call;
  if (auto* log = model.exchange().flight_log()) log->set_phase(phase.name);
  for (auto& network : model.networks()) {
    const auto& name = network->flat.name;
    gradients::set_trainable(
        network->flat,
        contains(phase.trains, name) || (call.hands_on() && contains(phase.hands_on, name)));
  }
  std::vector<NetworkState*> trained;
  for (const auto& name : phase.trains) trained.push_back(&model.at(name));
  for (auto* network : trained) network->reducer->arm();

  StepReport report;
  run_backwards(call, /*hold_all=*/false, report);
  // Their weights are about to change, and the graph has been gone through.
  if (handed_on != nullptr &&
      std::ranges::any_of(phase.trains, [&](const auto& name) { return handed_on->made_by(name); }))
    handed_on->drop();
  const world::Stream stream = gradients::compute_stream(model.device());
  const bool host_sees_all = model.device().is_cpu();
  std::vector<LeftOut> left_out;
  for (auto* network : trained) {
    if (!settings.deterministic) Model::store_batch_statistics(*network, 1.0);
    network->reducer->launch_rest(stream);
  }
  for (auto* network : trained) {
    if (model.ranks() > 1) {
      report.exchanges.push_back(finish_exchange(phase.name, *network, stream));
    } else {
      network->reducer->finish(stream);
    }
    if (!update) continue;
    auto& optimizer = network->optimizer_in(phase);
    const int64_t skipped = host_sees_all ? optimizer.skipped() : 0;
    optimizer.apply();
    if (host_sees_all && optimizer.skipped() > skipped)
      left_out.push_back({phase.name, network->flat.name, {}});
    if (phase.clip_weights > 0) optimizer.clamp_weights(phase.clip_weights);
    Model::update_running_statistics(*network);
  }
  if (!left_out.empty()) {
    find_sources(call, left_out);
    report.left_out = std::move(left_out);
  }
  return report;
}

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
  report.left_out.insert(report.left_out.end(), phase.left_out.begin(), phase.left_out.end());
}

// A phase with its update, by a graph where the settings have graphs.
StepReport run_updating(size_t index, const objectives::Phase& phase, Model& model,
                        const LocalBatch& batch, uint64_t step, const StepSettings& settings,
                        HandedOn* handed_on) {
  for (const auto& name : phase.trains)
    model.at(name).optimizer_in(phase).schedule(static_cast<int64_t>(step));
  const auto work = [&](const LocalBatch& from, const NoiseSource& noise, bool& step_read) {
    return run_phase({phase, model, from, step, settings, noise, &step_read, handed_on},
                     /*update=*/true);
  };
  if (settings.graphs != nullptr) {
    return settings.graphs->run(index, batch, step, work, [&] {
      for (const auto& name : phase.trains) model.at(name).reducer->abandon();
    });
  }
  bool step_read = false;
  return work(batch, noise_on(model.device()), step_read);
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
  StepReport report;
  LocalBatch batch;
  const NoiseSource noise = noise_on(model.device());
  HandedOn between;
  // A phase that is recorded on a GPU stands alone, and so does a shard.
  HandedOn* const handed_on =
      model.device().is_cpu() && !settings.deterministic ? &between : nullptr;
  for (size_t i = 0; i < objective.phases().size(); ++i) {
    const auto& phase = objective.phases()[i];
    if (!phase.runs_in(step)) continue;
    if (phase.reads_samples) {
      between.drop();
      const auto start = std::chrono::steady_clock::now();
      batch = next();
      report.loading_seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    ALLMODES_CHECK(batch.samples.defined(), "phase '{}' comes before any that reads samples",
                   phase.name);
    merge(report,
          update
              ? run_updating(i, phase, model, batch, step, settings, handed_on)
              : run_phase({phase, model, batch, step, settings, noise, nullptr, handed_on}, false));
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
    run_phase({phase, model, batch, 0, settings, noise}, /*update=*/false);
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
