// Steps as CUDA graphs are those whose kernels are launched one by one, bit for bit; and the host
// waits for nothing within a step.

#include <ATen/TensorOperators.h>
#include <c10/cuda/CUDAFunctions.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gradients/compute_stream.h"
#include "gradients/stream_timer.h"
#include "ranks/first_stage_problem.h"
#include "ranks/training_fixture.h"
#include "training/precision.h"

namespace allmodes::training {
namespace {

using ::allmodes::testing::image_autoencoder;
using ::allmodes::testing::image_gan;
using ::allmodes::testing::image_vae;
using ::allmodes::testing::joined;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;
using ::allmodes::testing::ring_gan;

const at::Device kGpu(at::kCUDA, 0);
constexpr uint64_t kSteps = 10;

Problem lazily_penalized() {
  Problem problem = ring_gan();
  problem.gan().discriminator.activation = "softplus";
  problem.gan().discriminator_steps = 2;
  problem.gan().penalty = {{.kind = "r1", .weight = 0.5, .interval = 2}};
  return problem;
}

Problem wasserstein() {
  Problem problem = ring_gan();
  problem.gan().loss = "wasserstein";
  problem.gan().discriminator.activation = "softplus";
  problem.gan().penalty = {{.kind = "gradient_penalty", .weight = 10}};
  return problem;
}

Problem unrolled() {
  Problem problem = ring_gan();
  problem.gan().unrolled_steps = 2;
  return problem;
}

Problem packed_with_decay() {
  Problem problem = ring_gan();
  problem.gan().packing = 2;
  problem.gan().generator_optimizer.decay = "cosine";
  problem.gan().generator_optimizer.clip_norm = 0.5;
  return problem;
}

// Everything that changes from step to step.
Problem annealed_r3gan() {
  Problem problem = image_gan();
  config::Gan& gan = problem.gan();
  gan.loss = "relativistic";
  gan.generator = gan.discriminator = {.architecture = "r3gan", .width = 8, .depth = 1};
  const int64_t samples = problem.config.batch * static_cast<int64_t>(kSteps);
  gan.penalty = {{.kind = "r1", .weight = 1, .anneal_samples = samples, .last_weight = 0.1},
                 {.kind = "r2", .weight = 1, .anneal_samples = samples, .last_weight = 0.1}};
  gan.generator_optimizer = gan.discriminator_optimizer = {.beta1 = 0,
                                                           .beta2 = 0.9,
                                                           .ema_half_life = 100,
                                                           .anneal_samples = samples,
                                                           .last_learning_rate = 1e-4,
                                                           .last_beta2 = 0.99};
  gan.augment = "color, translation";
  gan.augment_samples = samples;
  gan.instance_noise = 0.1;
  gan.instance_noise_steps = static_cast<int64_t>(kSteps);
  return problem;
}

Problem first_stage_with_discriminator(const std::string& quantizer) {
  Problem problem = testing::first_stage(quantizer);
  config::FirstStage& family = testing::family_of(problem);
  family.adversarial_weight = 0.5;
  family.discriminator_warmup = static_cast<int64_t>(kSteps);
  family.codebook = "ema";
  family.restart_below = 1;
  return problem;
}

Problem vae_with_warmup() {
  Problem problem = image_vae();
  problem.vae().kl_schedule = "linear";
  problem.vae().kl_warmup_steps = 8;
  return problem;
}

Problem with_dropout() {
  Problem problem = image_gan();
  auto& layers = problem.gan().discriminator.layers;
  layers.insert(layers.begin() + 3, {config::Dropout{.rate = 0.3}});
  return problem;
}

Problem in_microbatches() {
  Problem problem = ring_gan();
  problem.config.microbatches = 2;
  return problem;
}

struct Trained {
  std::map<std::string, std::vector<float>> weights;
  std::map<std::string, float> scalars;
  size_t replayed = 0;  // phases
  std::string refusal;
};

Trained train(const Problem& problem, bool graphs, uint64_t steps = kSteps) {
  set_precision(problem.config.gpu);
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self, kGpu);
  PhaseGraphs* const recorded = graphs ? &trainer.use_graphs() : nullptr;
  Trained trained;
  StepReport report;
  for (uint64_t step = 0; step < steps; ++step) report = trainer.step(step);
  for (const auto& [name, value] : report.scalars) trained.scalars[name] = value.item<float>();
  for (const auto& network : trainer.model().networks()) {
    const auto& flat = network->flat;
    trained.weights[flat.name] = joined({flat.parameters, flat.average, flat.buffers});
  }
  for (size_t i = 0; recorded != nullptr && i < trainer.objective().phases().size(); ++i) {
    trained.replayed += recorded->replays(i) ? 1 : 0;
    if (!recorded->refusal(i).empty()) trained.refusal = recorded->refusal(i);
  }
  return trained;
}

TEST(Graphs, AReplayedStepHasTheBitsOfADirectOne) {
  const std::vector<std::pair<std::string, Problem>> problems{
      {"ring_gan", ring_gan()},
      {"lazily_penalized", lazily_penalized()},
      {"wasserstein", wasserstein()},
      {"unrolled", unrolled()},
      {"packed_with_decay", packed_with_decay()},
      {"image_gan", image_gan()},
      {"with_dropout", with_dropout()},
      {"in_microbatches", in_microbatches()},
      {"image_vae", image_vae()},
      {"vae_with_warmup", vae_with_warmup()},
      {"annealed_r3gan", annealed_r3gan()},
      {"first_stage_kl", first_stage_with_discriminator("kl")},
      {"first_stage_vq", first_stage_with_discriminator("vq")},
      {"first_stage_fsq", first_stage_with_discriminator("fsq")},
      {"first_stage_lfq", first_stage_with_discriminator("lfq")},
      {"aae", image_autoencoder<config::Aae>()},
      {"infovae", image_autoencoder<config::InfoVae>()},
      {"wae_mmd", image_autoencoder<config::WaeMmd>()},
      {"wae_gan", image_autoencoder<config::WaeGan>()}};
  for (const auto& [name, problem] : problems) {
    const Trained direct = train(problem, false);
    const Trained replayed = train(problem, true);
    EXPECT_GT(replayed.replayed, 0U) << name;
    EXPECT_EQ(replayed.refusal, "") << name;
    EXPECT_EQ(replayed.weights, direct.weights) << name;
    EXPECT_EQ(replayed.scalars, direct.scalars) << name;
  }
}

// What a recording refuses to hold: here a wait of the host.
TEST(Graphs, WorkThatCannotBeRecordedIsDoneDirectly) {
  PhaseGraphs graphs(1, kGpu);
  int recovered = 0;
  const at::Tensor samples = make_noise({"samples", {3}}, {1, "test", 0, 0, 4}, kGpu);
  for (uint64_t step = 0; step < 6; ++step) {
    const StepReport report = graphs.run(
        0, {samples, {}, 0}, step,
        [](const LocalBatch& batch, const NoiseSource&) {
          const double sum = batch.samples.sum().item<double>();
          StepReport found;
          found.scalars.emplace_back("twice", batch.samples.sum() + sum);
          return found;
        },
        [&] { ++recovered; });
    EXPECT_FLOAT_EQ(report.scalars[0].second.item<float>(), 2 * samples.sum().item<float>());
  }
  EXPECT_EQ(recovered, 1);
  EXPECT_FALSE(graphs.replays(0));
}

TEST(Graphs, AReplayTimesWhatADirectRunTimes) {
  PhaseGraphs graphs(1, kGpu);
  const at::Tensor samples = make_noise({"samples", {1000}}, {1, "test", 0, 0, 1000}, kGpu);
  const auto timed = [&](const LocalBatch& batch, int products) {
    const auto stream = gradients::compute_stream(kGpu);
    const auto timer = std::make_shared<gradients::StreamTimer>();
    at::Tensor product = batch.samples;
    timer->start(stream);
    for (int i = 0; i < products; ++i) product = product.matmul(batch.samples) * 1e-3;
    timer->stop(stream);
    return Exchange{std::to_string(products), 0, timer};
  };
  std::vector<double> once;
  for (uint64_t step = 0; step < 8; ++step) {
    const StepReport report = graphs.run(
        0, {samples, {}, 0}, step,
        [&](const LocalBatch& batch, const NoiseSource&) {
          StepReport found;
          for (const int products : {1, 40}) found.exchanges.push_back(timed(batch, products));
          return found;
        },
        [] {});
    once.push_back(report.exchanges[0].timer->seconds());
    EXPECT_GT(once.back(), 0) << step;
    // The first runs set libraries up.
    if (step >= 2) {
      EXPECT_GT(report.exchanges[1].timer->seconds(), 4 * once.back()) << step;
    }
  }
  EXPECT_TRUE(graphs.replays(0)) << graphs.refusal(0);
  const auto replayed = std::vector(once.begin() + 3, once.end());
  EXPECT_NE(std::ranges::min(replayed), std::ranges::max(replayed)) << "not measured anew";
}

class NoWaiting {
 public:
  NoWaiting() { c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR); }
  ~NoWaiting() {
    c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
  }
};

TEST(Gpu, TheHostWaitsForNothingInAStep) {
  for (const bool graphs : {false, true}) {
    for (const Problem& problem :
         {lazily_penalized(), image_gan(), image_vae(), image_autoencoder<config::WaeGan>()}) {
      const auto self = world::make_self_communicator();
      RankTrainer trainer(problem, *self, kGpu);
      if (graphs) trainer.use_graphs();
      for (uint64_t step = 0; step < 5; ++step) trainer.step(step);
      const NoWaiting guard;
      for (uint64_t step = 5; step < 8; ++step) EXPECT_NO_THROW(trainer.step(step));
    }
  }
}

double loss_of(const Trained& trained) {
  for (const auto& [name, value] : trained.scalars)
    if (name.starts_with("loss_")) return value;
  return 0;
}

double relative_change(const Trained& found, const Trained& expected) {
  double most = 0;
  for (const auto& [name, weights] : expected.weights)
    most = std::max(most, testing::relative_difference(found.weights.at(name), weights));
  return most;
}

TEST(Precision, Bfloat16StaysNearFloat32) {
  for (Problem problem : {ring_gan(), wasserstein(), image_gan(), image_vae()}) {
    problem.config.gpu.precision = "float32";
    const Trained exact = train(problem, true, 6);
    problem.config.gpu.precision = "bfloat16";
    const Trained reduced = train(problem, true, 6);
    EXPECT_GT(relative_change(reduced, exact), 0);
    EXPECT_LT(relative_change(reduced, exact), 0.05);
    EXPECT_NEAR(loss_of(reduced), loss_of(exact), 0.05 * std::abs(loss_of(exact)) + 0.01);
  }
  set_precision({});
}

TEST(Precision, ChannelsLastIsAnotherOrderOfTheSameWeights) {
  Problem problem = image_gan();
  set_precision({.precision = "float32"});
  problem.config.gpu.channels_last = true;
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self, kGpu);
  trainer.use_graphs();
  for (uint64_t step = 0; step < 6; ++step) trainer.step(step);
  problem.config.gpu.channels_last = false;
  RankTrainer other(problem, *self, kGpu);
  for (uint64_t step = 0; step < 6; ++step) other.step(step);
  for (const char* name : {"generator", "discriminator"}) {
    const auto& flat = trainer.model().at(name).flat;
    EXPECT_LT(testing::relative_difference(joined(flat.parameter_views),
                                           joined(other.model().at(name).flat.parameter_views)),
              1e-3);
    bool any = false;
    for (const at::Tensor& view : flat.parameter_views)
      any |= view.dim() == 4 && view.is_contiguous(at::MemoryFormat::ChannelsLast);
    EXPECT_TRUE(any);
  }
}

}  // namespace
}  // namespace allmodes::training
