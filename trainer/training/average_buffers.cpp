#include "training/average_buffers.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/sampler.h"
#include "training/noise.h"

namespace allmodes::training {
namespace {

constexpr char kPurpose[] = "average buffers";

using StatisticsByNetwork = std::map<std::string, networks::BatchStatistics>;

bool has_average(const objectives::NetworkSpec& spec) {
  return spec.optimizer.ema_decay > 0 || spec.optimizer.ema_half_life > 0;
}

bool may_need(const objectives::NetworkSpec& spec) {
  return has_average(spec) && std::ranges::any_of(spec.plan.buffers, networks::is_of_a_layer);
}

// A part of the samples that the statistics are taken over.
struct Chunk {
  NoiseScope scope;
  at::Tensor samples, labels;  // of the data; undefined where no network sees them
};

// As in training, but with averaged weights, on one rank; collects into `kept`.
objectives::Forward collecting_forward(Model& model, const Chunk& chunk,
                                       StatisticsByNetwork& kept) {
  const auto weights_of = [&model](const std::string& name) -> std::span<const at::Tensor> {
    return model.at(name).flat.average_views;
  };
  const auto buffers_of = [&model](const std::string& name) -> std::span<const at::Tensor> {
    return model.at(name).flat.buffer_views;
  };
  const auto run = [&model, &chunk, &kept, weights_of](const std::string& name, const at::Tensor& x,
                                                       const at::Tensor& labels,
                                                       std::span<const at::Tensor> weights) {
    const networks::LayerNoise noise = [&](const std::string& layer, at::IntArrayRef shape) {
      return make_noise(
          {.name = name + "." + layer, .shape = shape.slice(1).vec(), .distribution = "uniform"},
          in_rows(chunk.scope, shape[0]), model.device());
    };
    networks::Context context{
        .training = true, .labels = labels, .noise = &noise, .batch_statistics = &kept[name]};
    const auto& flat = model.at(name).flat;
    return networks::forward(flat.plan, weights.empty() ? weights_of(name) : weights,
                             flat.buffer_views, x, context);
  };
  return {run, weights_of, {}, {}, buffers_of};
}

// Everything that an evaluation runs, once.
void run_all(const objectives::Objective& objective, const objectives::Forward& forward,
             const Chunk& chunk, at::Device device) {
  at::Tensor codes;
  if (objective.encodes()) {
    const auto posterior = objective.encode(forward, chunk.samples, chunk.labels);
    codes = posterior.mean;
    if (posterior.log_variance.defined()) {
      const at::Tensor noise = make_noise(
          {.name = "posterior", .shape = codes.sizes().slice(1).vec()}, chunk.scope, device);
      codes = codes + noise * at::exp(0.5 * posterior.log_variance);
    }
  } else {
    codes = make_noise(objectives::latent_noise("latent", objective.latent()), chunk.scope, device);
  }
  const at::Tensor made = objective.generate(forward, codes, chunk.labels);
  if (!chunk.samples.defined()) return;
  const at::Tensor scores = objective.scores_of(forward, chunk.samples);
  if (scores.defined()) objective.scores_of(forward, made);
}

// Samples and labels of the data, where the networks see any.
void read_data(const data::Dataset& dataset, const objectives::Objective& objective,
               at::Device device, Chunk& chunk) {
  if (!objective.encodes() && !objective.conditional()) return;
  const int64_t count = chunk.scope.count;
  const data::Sampler order(dataset.size(), chunk.scope.seed);
  std::vector<int64_t> indices(static_cast<size_t>(count)), labels(indices.size());
  order.indices(static_cast<uint64_t>(chunk.scope.first), count, indices.data());
  std::vector<int64_t> shape = objectives::network_shape(dataset.shape());
  shape.insert(shape.begin(), count);
  const at::Tensor samples = at::empty(shape, at::kFloat);
  dataset.copy(indices, samples.data_ptr<float>(), labels.data());
  chunk.samples = samples.to(device);
  if (objective.conditional())
    chunk.labels = at::from_blob(labels.data(), {count}, at::kLong).clone().to(device);
}

bool collected(const StatisticsByNetwork& kept) {
  return std::ranges::any_of(kept, [](const auto& network) {
    return std::ranges::any_of(network.second.counts, [](int count) { return count > 0; });
  });
}

// The network's buffers with what was collected in the place of the running ones.
std::vector<at::Tensor> merged(const gradients::FlatNetwork& flat,
                               const networks::BatchStatistics& statistics) {
  std::vector<at::Tensor> buffers;
  for (size_t i = 0; i < flat.buffer_views.size(); ++i) {
    const bool known = i < statistics.counts.size() && statistics.counts[i] > 0;
    buffers.push_back(known ? statistics.sums[i] / statistics.counts[i]
                            : flat.buffer_views[i].clone());
  }
  return buffers;
}

}  // namespace

void estimate_average_buffers(Model& model, const objectives::Objective& objective,
                              const data::Dataset& dataset, uint64_t seed) {
  if (model.has_average_buffers() || std::ranges::none_of(objective.networks(), may_need)) return;
  const at::NoGradGuard no_grad;
  StatisticsByNetwork kept;
  for (int64_t first = 0; first < kAverageBufferSamples; first += kAverageBufferChunk) {
    Chunk chunk{
        .scope = {seed, kPurpose, 0, first, kAverageBufferChunk}, .samples = {}, .labels = {}};
    read_data(dataset, objective, model.device(), chunk);
    run_all(objective, collecting_forward(model, chunk, kept), chunk, model.device());
    if (!collected(kept)) break;
  }
  std::map<std::string, std::vector<at::Tensor>> buffers;
  for (const auto& spec : objective.networks())
    if (may_need(spec) && kept.contains(spec.name))
      buffers[spec.name] = merged(model.at(spec.name).flat, kept.at(spec.name));
  model.set_average_buffers(std::move(buffers));
}

objectives::Forward averaged_forward(Model& model, const objectives::Objective& objective,
                                     const data::Dataset& dataset, uint64_t seed) {
  estimate_average_buffers(model, objective, dataset, seed);
  return model.evaluation_forward();
}

}  // namespace allmodes::training
