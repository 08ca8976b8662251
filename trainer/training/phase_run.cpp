#include "training/phase_run.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/maximum.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "gradients/compute_stream.h"
#include "gradients/gradient_hooks.h"

namespace allmodes::training {
namespace {

constexpr const char* kLossPrefix = "loss_";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

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

// The names of a phase's loss terms as it recorded them, without their prefix.
std::vector<std::string> loss_names(const StepReport& report) {
  std::vector<std::string> names;
  for (const auto& [name, value] : report.scalars)
    if (name.starts_with(kLossPrefix))
      names.push_back(name.substr(std::string(kLossPrefix).size()));
  return names;
}

// 1 where some value is not finite, else 0.
int64_t not_finite(const at::Tensor& values) {
  return at::isfinite(values).all().item<bool>() ? 0 : 1;
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

}  // namespace

bool ReusedPass::made_by(const std::string& network) const {
  return !parts_.empty() && contains(networks_, network);
}

bool ReusedPass::made_by_any(const std::vector<std::string>& networks) const {
  return std::ranges::any_of(networks, [&](const auto& name) { return made_by(name); });
}

void ReusedPass::begin(const std::vector<std::string>& networks) {
  networks_ = networks;
  parts_.clear();
}

PhaseRun::PhaseRun(const objectives::Phase& phase, Model& model, const StepSettings& settings,
                   uint64_t step, const LocalBatch& batch, const NoiseSource& noise,
                   ReusedPass* reused)
    : phase_(phase),
      model_(model),
      settings_(settings),
      step_(step),
      batch_(batch),
      noise_(noise),
      reused_(reused),
      keeps_statistics_(phase.trains) {
  for (const auto& name : phase_.trains) trained_.push_back(&model_.at(name));
  if (makes_reused_pass())
    keeps_statistics_.insert(keeps_statistics_.end(), phase_.hands_on.begin(),
                             phase_.hands_on.end());
}

StepReport PhaseRun::run(bool update) {
  if (auto* log = model_.exchange().flight_log()) log->set_phase(phase_.name);
  choose_trainable();
  for (auto* network : trained_) network->reducer->arm();
  compute_gradients(/*keep_local=*/false);
  exchange();
  if (update) this->update();
  return std::move(report_);
}

void PhaseRun::choose_trainable() {
  for (auto& network : model_.networks())
    gradients::set_trainable(network->flat, contains(keeps_statistics_, network->flat.name));
}

LocalBatch PhaseRun::part_of_batch(int64_t index) const {
  const int64_t count = batch_.samples.size(0) / settings_.microbatches;
  const int64_t first = index * count;
  return {batch_.samples.narrow(0, first, count),
          batch_.labels.defined() ? batch_.labels.narrow(0, first, count) : at::Tensor(),
          batch_.first + first};
}

void PhaseRun::compute_gradients(bool keep_local) {
  for (auto& network : model_.networks())
    if (reused_ == nullptr || !reused_->made_by(network->flat.name)) network->statistics = {};
  for (int64_t part = 0; part < settings_.microbatches; ++part) {
    const auto index = static_cast<size_t>(part);
    if (settings_.deterministic)
      for (auto* network : trained_) network->statistics = {};
    backward(forward(part_of_batch(part), index), index, keep_local);
  }
  // The weights of its networks are about to change, and backward has freed the pass's graph.
  if (reused_ != nullptr && reused_->made_by_any(phase_.trains)) reused_->drop();
}

at::Tensor PhaseRun::forward(const LocalBatch& part, size_t index) {
  const NoiseScope scope{settings_.seed, phase_.name, step_, part.first, part.samples.size(0)};
  objectives::PhaseInput input{part.samples,
                               part.labels,
                               {},
                               model_.training_forward(keeps_statistics_, scope, noise_),
                               model_.coupling()};
  if (reused_ != nullptr) input.handed_on = reused_->of_part(index);
  input.first = part.first;
  input.batch = batch_.samples.size(0) * model_.ranks();
  NoiseScope of_batch = scope;
  of_batch.first = 0;
  of_batch.count = 1;
  for (const auto& wanted : phase_.noise)
    input.noises.emplace_back(wanted.name, noise_(wanted, wanted.shared ? of_batch : scope));
  const objectives::PhaseOutput output = phase_.losses(input);
  for (const auto& mean : output.means) model_.at(mean.network).keep(mean);
  if (makes_reused_pass()) {
    if (index == 0) reused_->begin(phase_.hands_on);
    reused_->add(output.handed_on);
  }
  at::Tensor total;
  for (const auto& term : output.losses) {
    const at::Tensor weighted = term.weighted(settings_.microbatches);
    total = total.defined() ? total + weighted : weighted;
    accumulate(report_, kLossPrefix + term.name, term.value, settings_.microbatches);
  }
  for (const auto& seen : output.observations)
    accumulate(report_, seen.name, seen.value, settings_.microbatches);
  if (output.generated.defined()) report_.generated = output.generated.detach();
  return total;
}

void PhaseRun::backward(const at::Tensor& loss, size_t index, bool keep_local) {
  const bool last = static_cast<int64_t>(index) + 1 == settings_.microbatches;
  for (auto* network : trained_)
    network->reducer->hold(keep_local || settings_.deterministic || !last);
  gradients::backward(loss);
  if (!settings_.deterministic) return;
  for (auto* network : trained_) {
    Model::store_batch_statistics(*network, 1.0 / static_cast<double>(settings_.microbatches));
    network->reducer->end_part();
  }
}

void PhaseRun::exchange() {
  const world::Stream stream = gradients::compute_stream(model_.device());
  for (auto* network : trained_) {
    if (!settings_.deterministic) Model::store_batch_statistics(*network, 1.0);
    network->reducer->launch_rest(stream);
  }
  for (auto* network : trained_) {
    if (model_.ranks() > 1) {
      report_.exchanges.push_back(finish_exchange(phase_.name, *network, stream));
    } else {
      network->reducer->finish(stream);
    }
  }
}

void PhaseRun::update() {
  const bool host_sees_all = model_.device().is_cpu();
  at::Tensor bad;
  std::vector<std::string> bad_networks;
  for (auto* network : trained_) {
    const at::Tensor of_network = network->optimizer_in(phase_).measure();
    bad = bad.defined() ? at::maximum(bad, of_network) : of_network;
    if (host_sees_all && *of_network.const_data_ptr<float>() != 0)
      bad_networks.push_back(network->flat.name);
  }
  for (auto* network : trained_) {
    auto& optimizer = network->optimizer_in(phase_);
    optimizer.apply(bad);
    if (phase_.clip_weights > 0) optimizer.clamp_weights(phase_.clip_weights);
    Model::update_running_statistics(*network);
  }
  if (bad_networks.empty()) {
    for (const auto& [network, settle] : phase_.settling) Model::settle(model_.at(network), settle);
    return;
  }
  report_.skipped = find_sources(bad_networks);
  // The batch statistics that belong to it have been replaced.
  if (reused_ != nullptr) reused_->drop();
}

// Whose own gradients were not finite, and which of the losses. The average does not tell, so the
// phase is run again: with the same weights, for none of the phase's networks has been updated, on
// the same batch and noise. All ranks do so in the same step, since all have seen the same average.
std::vector<SkippedUpdate> PhaseRun::find_sources(const std::vector<std::string>& networks) {
  PhaseRun again(phase_, model_, settings_, step_, batch_, noise_);
  for (auto* network : trained_) network->reducer->arm();
  again.compute_gradients(/*keep_local=*/true);
  for (auto* network : trained_) network->reducer->settle();

  // Counts over the ranks: for each network one of each rank, then one of each loss.
  auto& ranks = model_.exchange();
  const auto size = static_cast<size_t>(ranks.size());
  const auto rank = static_cast<size_t>(ranks.rank());
  const auto losses = loss_names(again.report_);
  std::vector<int64_t> counts(networks.size() * size + losses.size(), 0);
  for (size_t i = 0; i < networks.size(); ++i)
    counts[i * size + rank] = not_finite(model_.at(networks[i]).flat.gradient());
  size_t place = networks.size() * size;
  for (const auto& [name, value] : again.report_.scalars)
    if (name.starts_with(kLossPrefix)) counts[place++] = not_finite(value);

  // Ends what arm() began; what is averaged now is not looked at.
  const world::Stream stream = gradients::compute_stream(model_.device());
  for (auto* network : trained_) network->reducer->finish(stream);
  world::all_reduce_host(ranks, std::span(counts), world::ReduceOp::sum);

  std::vector<SkippedUpdate> skipped;
  for (size_t i = 0; i < networks.size(); ++i) {
    skipped.push_back({.phase = phase_.name, .network = networks[i]});
    for (size_t r = 0; r < size; ++r)
      if (counts[i * size + r] != 0) skipped.back().ranks.push_back(static_cast<int>(r));
    for (size_t loss = 0; loss < losses.size(); ++loss)
      if (counts[networks.size() * size + loss] != 0) skipped.back().losses.push_back(losses[loss]);
  }
  return skipped;
}

}  // namespace allmodes::training
