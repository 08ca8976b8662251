#include "training/model.h"
#include <ATen/TensorOperators.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "gradients/compute_stream.h"
#include "gradients/coupling.h"
#include "training/precision.h"

namespace allmodes::training {
namespace {

constexpr double kFloatsPerMiB = 1024.0 * 1024.0 / sizeof(float);

int64_t floats(double mib) {
  return std::max<int64_t>(1, static_cast<int64_t>(mib * kFloatsPerMiB));
}

at::Tensor refuse_coupling(const at::Tensor&) {
  ALLMODES_FAIL(
      ExitCode::kConfiguration,
      "deterministic_shards: a loss or a layer of this configuration is a function of the "
      "whole batch (statistics \"global\", dragan, a mean over all ranks), which shards "
      "take apart: set deterministic_shards: 0, or leave that out");
}

NetworkState& network_named(const std::vector<std::unique_ptr<NetworkState>>& networks,
                            const std::string& name) {
  const auto found =
      std::ranges::find(networks, name, [](const auto& network) { return network->flat.name; });
  ALLMODES_CHECK(found != networks.end(), "no network is called '{}'", name);
  return **found;
}

}  // namespace

optimizers::FlatAdam& NetworkState::optimizer_in(const objectives::Phase& phase) const {
  if (phase.optimizer.empty()) return *optimizer;
  const auto found = more_optimizers.find(phase.optimizer);
  ALLMODES_CHECK(found != more_optimizers.end(), "phase '{}': '{}' has no optimizer '{}'",
                 phase.name, flat.name, phase.optimizer);
  return *found->second;
}

void NetworkState::keep(const objectives::BufferMean& mean) {
  statistics.sums.resize(flat.plan.buffers.size());
  statistics.counts.resize(flat.plan.buffers.size());
  at::Tensor& sum = statistics.sums[mean.index];
  sum = sum.defined() ? sum + mean.value : mean.value;
  ++statistics.counts[mean.index];
}

optimizers::SkippedUpdates NetworkState::skipped() const {
  optimizers::SkippedUpdates most = optimizer->skipped();
  for (const auto& [name, each] : more_optimizers) {
    const optimizers::SkippedUpdates more = each->skipped();
    most = {.all = std::max(most.all, more.all),
            .in_a_row = std::max(most.in_a_row, more.in_a_row),
            .longest_row = std::max(most.longest_row, more.longest_row)};
  }
  return most;
}

const NetworkSkips* network_at_limit(std::span<const NetworkSkips> skips, int64_t limit) {
  if (limit == 0) return nullptr;
  const auto found = std::ranges::find_if(
      skips, [&](const NetworkSkips& each) { return each.updates.longest_row >= limit; });
  return found != skips.end() ? &*found : nullptr;
}

Model::Model(const objectives::Objective& objective, const config::RunConfig& config,
             at::Device device, world::Communicator& exchange)
    : config_(config), device_(device), exchange_(exchange), specs_(objective.networks()) {
  if (config.deterministic_shards > 0) {
    statistics_reducer_ = [](const at::Tensor& statistics) { refuse_coupling(statistics); };
    gather_rows_ = refuse_coupling;
  } else if (exchange_.size() > 1) {
    statistics_reducer_ = [this](at::Tensor statistics) {
      // Through the communicator of the gradients: NCCL lets collectives of two communicators run
      // at the same time only where every GPU starts them in one order, which two streams do not
      // promise.
      const world::Stream stream = gradients::compute_stream(device_);
      exchange_
          .all_reduce({.data = statistics.data_ptr<double>(),
                       .count = statistics.numel(),
                       .type = world::DataType::f64,
                       .place = device_.is_cuda() ? world::Place::device : world::Place::host},
                      world::ReduceOp::sum, stream)
          .wait(stream);
    };
    gather_rows_ = [this](const at::Tensor& rows) {
      return gradients::gather_rows_for_parts(rows, exchange_);
    };
  }
  for (const auto& spec : specs_) {
    networks_.push_back(std::make_unique<NetworkState>());
    networks_.back()->flat = storage(spec.name, spec.plan, {});
    equip(*networks_.back());
  }
}

// Where the ranks of a node reduce gradients without a copy.
gradients::HostMemory Model::memory() {
  return [this](int64_t bytes) { return exchange_.allocate(bytes); };
}

gradients::FlatNetwork Model::storage(const std::string& name, const networks::Plan& plan,
                                      std::vector<int64_t> order) {
  return gradients::make_flat_network(name, plan, config_.seed, device_, std::move(order), memory(),
                                      device_.is_cuda() && config_.gpu.channels_last);
}

void Model::equip(NetworkState& network) {
  const auto spec = std::ranges::find(specs_, network.flat.name, &objectives::NetworkSpec::name);
  network.reducer = std::make_unique<gradients::GradientReducer>(
      network.flat, exchange_,
      gradients::plan_buckets(network.flat.slices, network.flat.order,
                              floats(config_.exchange.bucket_mib),
                              floats(config_.exchange.first_bucket_mib)));
  network.optimizer = std::make_unique<optimizers::FlatAdam>(
      network.flat, spec->optimizer, optimizers::Length(config_.steps, config_.batch));
  network.more_optimizers.clear();
  for (const auto& [name, settings] : spec->more_optimizers) {
    network.more_optimizers[name] = std::make_unique<optimizers::FlatAdam>(
        network.flat, settings, optimizers::Length(config_.steps, config_.batch),
        optimizers::Moments::own);
  }
}

NetworkState& Model::at(const std::string& name) {
  return network_named(networks_, name);
}

const NetworkState& Model::at(const std::string& name) const {
  return network_named(networks_, name);
}

std::vector<NetworkSkips> Model::skipped_updates() const {
  std::vector<NetworkSkips> skips;
  for (const auto& network : networks_) skips.push_back({network->flat.name, network->skipped()});
  return skips;
}

void Model::relayout(const std::string& name, const std::vector<int64_t>& order) {
  NetworkState& network = at(name);
  if (network.flat.order == order) return;
  forget_average_buffers();
  network.reducer.reset();
  network.optimizer.reset();
  network.flat = storage(name, network.flat.plan, order);
  equip(network);
}

objectives::Forward Model::training_forward(std::span<const std::string> trains,
                                            const NoiseScope& scope, NoiseSource source) {
  if (!source) source = noise_on(device_);
  const bool reduced = device_.is_cuda() && config_.gpu.precision == "bfloat16";
  const auto run = [this, trains, scope, source, forwards = std::make_shared<int>(0)](
                       bool in_bfloat16, const std::string& name, const at::Tensor& x,
                       const at::Tensor& labels, std::span<const at::Tensor> weights,
                       size_t layers = 0) {
    const networks::LayerNoise noise = [&, call = (*forwards)++](const std::string& layer,
                                                                 at::IntArrayRef shape) {
      return source({.name = fmt::format("{}.{}/{}", name, layer, call),
                     .shape = shape.slice(1).vec(),
                     .distribution = "uniform"},
                    in_rows(scope, shape[0]));
    };
    NetworkState& network = at(name);
    const bool own = weights.empty();
    const bool trained = own && std::find(trains.begin(), trains.end(), name) != trains.end();
    networks::Context context{.training = true,
                              .labels = labels,
                              .noise = &noise,
                              .reducer = statistics_reducer_ ? &statistics_reducer_ : nullptr,
                              .gather = gather_rows_ ? &gather_rows_ : nullptr,
                              .batch_statistics = trained ? &network.statistics : nullptr,
                              .layers = layers};
    const Autocast autocast(in_bfloat16);
    const at::Tensor output =
        networks::forward(network.flat.plan, own ? network.flat.parameter_views : weights,
                          network.flat.buffer_views, x, context);
    return in_bfloat16 ? output.to(at::kFloat) : output;
  };
  const auto in = [run](bool in_bfloat16) -> objectives::Forward::Run {
    return [run, in_bfloat16](const std::string& name, const at::Tensor& x,
                              const at::Tensor& labels, std::span<const at::Tensor> weights) {
      return run(in_bfloat16, name, x, labels, weights);
    };
  };
  const auto weights_of = [this](const std::string& name) -> std::span<const at::Tensor> {
    return at(name).flat.parameter_views;
  };
  const auto first = [run, reduced](const std::string& name, size_t layers, const at::Tensor& x,
                                    const at::Tensor& labels) {
    return run(reduced, name, x, labels, {}, layers);
  };
  const auto buffers_of = [this](const std::string& name) -> std::span<const at::Tensor> {
    return at(name).flat.buffer_views;
  };
  return {in(reduced), weights_of, reduced ? in(false) : objectives::Forward::Run(), first,
          buffers_of};
}

objectives::Forward Model::evaluation_forward(bool averaged) {
  const auto weights_of = [this, averaged](const std::string& name) -> std::span<const at::Tensor> {
    const auto& flat = at(name).flat;
    return averaged ? flat.average_views : flat.parameter_views;
  };
  const auto buffers_of = [this, averaged](const std::string& name) {
    return evaluation_buffers(name, averaged);
  };
  const auto run = [this, weights_of, buffers_of](const std::string& name, const at::Tensor& x,
                                                  const at::Tensor& labels,
                                                  std::span<const at::Tensor> weights) {
    const at::NoGradGuard no_grad;
    networks::Context context{.training = false, .labels = labels};
    return networks::forward(at(name).flat.plan, weights.empty() ? weights_of(name) : weights,
                             buffers_of(name), x, context);
  };
  return {run, weights_of, {}, {}, buffers_of};
}

void Model::set_average_buffers(std::map<std::string, std::vector<at::Tensor>> buffers) {
  for (const auto& [name, of] : buffers)
    ALLMODES_CHECK(of.size() == at(name).flat.buffer_views.size(), "'{}' has {} buffers, not {}",
                   name, at(name).flat.buffer_views.size(), of.size());
  average_buffers_ = std::move(buffers);
}

const std::vector<at::Tensor>* Model::average_buffers(const std::string& name) const {
  if (!average_buffers_) return nullptr;
  const auto found = average_buffers_->find(name);
  return found != average_buffers_->end() ? &found->second : nullptr;
}

std::span<const at::Tensor> Model::evaluation_buffers(const std::string& name,
                                                      bool averaged) const {
  const auto* own = averaged ? average_buffers(name) : nullptr;
  return own != nullptr ? *own : at(name).flat.buffer_views;
}

objectives::Coupling Model::coupling() {
  if (config_.deterministic_shards > 0) return {refuse_coupling, refuse_coupling};
  return {[this](const at::Tensor& x) { return gradients::gather_rows(x, exchange_); },
          [this](const at::Tensor& x) { return gradients::mean_over_ranks(x, exchange_); }};
}

void Model::store_batch_statistics(NetworkState& network, double share) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < network.statistics.counts.size(); ++i) {
    if (network.statistics.counts[i] == 0) continue;
    network.flat.batch_statistic_views[i]
        .copy_(network.statistics.sums[i])
        .mul_(share / network.statistics.counts[i]);
  }
}

void Model::settle(NetworkState& network,
                   const std::function<void(const objectives::UpdatedNetwork&)>& work) {
  const at::NoGradGuard no_grad;
  auto& flat = network.flat;
  work({flat.parameter_views, flat.average_views, flat.buffer_views, flat.batch_statistic_views});
}

void Model::update_running_statistics(NetworkState& network) {
  if (network.statistics.counts.empty()) return;
  networks::BatchStatistics averaged{network.flat.batch_statistic_views, network.statistics.counts};
  for (int& count : averaged.counts) count = count > 0 ? 1 : 0;
  const at::NoGradGuard no_grad;
  // Adam leaves out an update that is not finite; running statistics could never recover from one.
  const at::Tensor before = network.flat.buffers.clone();
  networks::update_running_statistics(network.flat.plan, averaged, network.flat.buffer_views);
  network.flat.buffers.copy_(
      at::where(at::isfinite(network.flat.buffers), network.flat.buffers, before));
}

}  // namespace allmodes::training
