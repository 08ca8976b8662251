#pragma once

// Small problems, and a trainer of one of them on each rank of a group of threads.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/array_dataset.h"
#include "data/mixture.h"
#include "data/prefetcher.h"
#include "ranks/thread_ranks.h"
#include "training/phase_graphs.h"
#include "training/step.h"

namespace allmodes::testing {

inline constexpr std::array kRankCounts = {1, 2, 4};

struct Problem {
  config::RunConfig config;
  std::shared_ptr<const data::Dataset> dataset;

  config::Gan& gan() { return std::get<config::Gan>(config.family); }
  config::Vae& vae() { return std::get<config::Vae>(config.family); }
};

inline config::RunConfig short_run(uint64_t seed, int64_t batch, int64_t steps = 100) {
  config::RunConfig config;
  config.seed = seed;
  config.batch = batch;
  config.steps = steps;
  config.diagnostics.calibration_draws = 50;
  return config;
}

// Eight Gaussians on a circle; small networks without normalization; buckets of a few parameters.
inline Problem ring_gan() {
  config::RunConfig config = short_run(5, 32);
  config::Gan gan;
  gan.latent.dimension = 4;
  gan.generator = {.width = 12, .depth = 2};
  gan.discriminator = {.width = 12, .depth = 2, .activation = "leaky_relu"};
  config.family = gan;
  config.exchange = {.bucket_mib = 0.0002, .first_bucket_mib = 0.0001};  // 52 and 26 floats
  return {config, data::make_mixture_dataset("ring", data::ring_mixture(8, 1.0, 0.05), 500, 5)};
}

// Blobs of random place and size on 1 x 8 x 8 pixels, in two classes.
inline std::shared_ptr<const data::Dataset> blobs(int64_t count) {
  Random random({.seed = 3, .purpose = Purpose("blobs")});
  std::vector<uint8_t> pixels;
  data::Labels labels{{}, {"small", "large"}};
  for (int64_t i = 0; i < count; ++i) {
    const double x = 2 + 4 * random.uniform(), y = 2 + 4 * random.uniform();
    labels.values.push_back(static_cast<int32_t>(random.below(2)));
    const double size = labels.values.back() == 0 ? 1.0 : 2.0;
    for (int row = 0; row < 8; ++row)
      for (int column = 0; column < 8; ++column)
        pixels.push_back(static_cast<uint8_t>(
            255 * std::exp(-(std::pow(row - y, 2) + std::pow(column - x, 2)) / (2 * size * size))));
  }
  return data::make_array_dataset("blobs", {1, 8, 8, true}, std::move(pixels), std::move(labels));
}

inline Problem image_vae() {
  config::RunConfig config = short_run(6, 16);
  config::Vae vae;
  vae.latent.dimension = 3;
  vae.encoder = {.width = 20, .depth = 2};
  vae.decoder = {.width = 20, .depth = 2};
  config.family = vae;
  config.exchange = {.bucket_mib = 0.002, .first_bucket_mib = 0.0005};
  return {config, blobs(100)};
}

// Of the families that match codes with the prior.
template <class Family>
Problem image_autoencoder() {
  config::RunConfig config = short_run(6, 16);
  Family family;
  family.latent.dimension = 3;
  family.encoder = {.width = 20, .depth = 2};
  family.decoder = {.width = 20, .depth = 2};
  if constexpr (std::derived_from<Family, config::Adversarial>)
    family.discriminator = {.width = 12, .depth = 2, .activation = "leaky_relu"};
  config.family = family;
  config.exchange = {.bucket_mib = 0.002, .first_bucket_mib = 0.0005};
  return {config, blobs(100)};
}

// Convolutions, with batch norm over all ranks in both networks.
inline Problem image_gan() {
  config::RunConfig config = short_run(7, 16);
  config::Gan gan;
  gan.latent.dimension = 4;
  gan.generator.layers = {{config::Linear{.units = 8 * 2 * 2, .bias = false}},
                          {config::Reshape{{8, 2, 2}}},
                          {config::BatchNorm{.statistics = "global"}},
                          {config::Activation{}},
                          {config::TransposedConvolution{.channels = 4, .bias = false}},
                          {config::BatchNorm{.statistics = "global"}},
                          {config::Activation{}},
                          {config::TransposedConvolution{.channels = 1}},
                          {config::Activation{.function = "tanh"}}};
  gan.discriminator.layers = {
      {config::Convolution{.channels = 4, .kernel = 4, .stride = 2, .bias = false}},
      {config::BatchNorm{.statistics = "global"}},
      {config::Activation{.function = "leaky_relu"}},
      {config::Flatten{}},
      {config::Linear{.units = 1}}};
  config.family = gan;
  config.exchange = {.bucket_mib = 0.0005, .first_bucket_mib = 0.0001};
  return {config, blobs(100)};
}

inline std::unique_ptr<objectives::Objective> objective_of(const Problem& problem) {
  std::vector<objectives::ConfigurationError> errors;
  auto objective =
      objectives::make_objective(problem.config, objectives::facts_of(*problem.dataset), errors);
  for (const auto& error : errors) ADD_FAILURE() << error.path << ": " << error.message;
  ALLMODES_CHECK(objective != nullptr, "the problem was refused");
  return objective;
}

// One rank's part of a training: its share of the batches, its model, its steps.
class RankTrainer {
 public:
  RankTrainer(const Problem& problem, world::Communicator& ranks, at::Device device = at::kCPU)
      : config_(problem.config),
        objective_(objective_of(problem)),
        model_(*objective_, config_, device, ranks),
        share_(data::share(config_.batch, ranks.rank(), ranks.size())),
        shape_(objectives::network_shape(problem.dataset->shape())),
        dataset_(problem.dataset) {
    shape_.insert(shape_.begin(), share_.count);
    read_from(0);
  }

  // The next batch starts at this global sample.
  void read_from(uint64_t samples) {
    feed_ =
        std::make_unique<data::Prefetcher>(*dataset_, data::Sampler(dataset_->size(), config_.seed),
                                           samples, config_.batch, share_, 1);
  }

  training::LocalBatch next() {
    data::Batch batch = feed_->next();
    // To a GPU without a wait of the host.
    const auto on_device = [&](const at::Tensor& view) {
      if (!model_.device().is_cuda()) return view.clone();
      const at::Tensor pinned = at::empty(view.sizes(), view.options().pinned_memory(true));
      pinned.copy_(view);
      return pinned.to(model_.device(), /*non_blocking=*/true);
    };
    return {on_device(at::from_blob(batch.samples.data(), shape_, at::kFloat)),
            on_device(at::from_blob(batch.labels.data(), {share_.count}, at::kLong)), share_.first};
  }

  training::StepReport step(uint64_t step, bool update = true) {
    training::StepSettings settings = training::step_settings(config_, model_.ranks());
    settings.graphs = graphs_.get();
    return training::run_step(
        *objective_, model_, [this] { return next(); }, step, settings, update);
  }

  // From now on the phases are recorded as CUDA graphs.
  training::PhaseGraphs& use_graphs() {
    graphs_ = std::make_unique<training::PhaseGraphs>(objective_->phases().size(), model_.device());
    return *graphs_;
  }

  training::Model& model() { return model_; }
  const objectives::Objective& objective() const { return *objective_; }

 private:
  config::RunConfig config_;
  std::unique_ptr<objectives::Objective> objective_;
  training::Model model_;
  data::Share share_;
  std::vector<int64_t> shape_;
  std::shared_ptr<const data::Dataset> dataset_;
  std::unique_ptr<data::Prefetcher> feed_;
  std::unique_ptr<training::PhaseGraphs> graphs_;
};

// A network's views one after another, by the plan's numbering, whatever the layout.
inline std::vector<float> joined(const std::vector<at::Tensor>& views) {
  const at::NoGradGuard no_grad;
  std::vector<float> values;
  for (const at::Tensor& view : views) {
    const at::Tensor host = view.detach().to(at::kCPU).contiguous();
    values.insert(values.end(), host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
  }
  return values;
}

inline double norm(const std::vector<float>& values) {
  double square = 0;
  for (const float x : values) square += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(square);
}

// |a - b| / |b| in the Euclidean norm; infinite where b is zero and a is not.
inline double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double square = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    square += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return square == 0 ? 0 : std::sqrt(square) / norm(b);
}

// What each rank found, in rank order; `find` runs on all ranks together.
template <typename T>
std::vector<T> on_ranks(int ranks, const std::function<T(world::Communicator&)>& find) {
  std::vector<T> found(static_cast<size_t>(ranks));
  run_ranks(ranks, [&](world::Communicator& group) {
    found[static_cast<size_t>(group.rank())] = find(group);
  });
  return found;
}

}  // namespace allmodes::testing
