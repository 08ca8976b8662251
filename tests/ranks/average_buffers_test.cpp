// The averaged weights are evaluated with batch statistics of their own.

#include "training/average_buffers.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "checkpoints/checkpoint.h"
#include "ranks/training_fixture.h"
#include "training/noise.h"
#include "training/snapshot.h"

namespace allmodes::training {
namespace {

namespace fs = std::filesystem;
using ::allmodes::testing::image_gan;
using ::allmodes::testing::image_vae;
using ::allmodes::testing::joined;
using ::allmodes::testing::on_ranks;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;
using ::allmodes::testing::relative_difference;

constexpr uint64_t kSeed = 5;

// A generator of one linear map and a batch norm of that.
Problem normed_gan() {
  Problem problem = ::allmodes::testing::ring_gan();
  problem.gan().generator.layers = {{config::Linear{.units = 2}}, {config::BatchNorm{}}};
  return problem;
}

void estimate(RankTrainer& trainer, const Problem& problem) {
  estimate_average_buffers(trainer.model(), trainer.objective(), *problem.dataset, kSeed);
}

std::vector<float> buffers_of(RankTrainer& trainer, const std::string& network) {
  const auto views = trainer.model().evaluation_buffers(network);
  return joined({views.begin(), views.end()});
}

// x = W z + b of z from N(0, I) has the mean b and the variance |W_i|^2.
TEST(AverageBuffers, AreTheMeanAndVarianceThatTheAveragedWeightsGive) {
  const Problem problem = normed_gan();
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  trainer.step(0);
  auto& flat = trainer.model().at("generator").flat;
  const at::NoGradGuard no_grad;
  flat.average_views[0].copy_(flat.parameter_views[0] * 6);
  flat.average_views[1].fill_(2);
  const std::vector<float> running = joined(flat.buffer_views);
  EXPECT_EQ(buffers_of(trainer, "generator"), running) << "as long as nothing is estimated";

  estimate(trainer, problem);
  const at::Tensor variance = flat.average_views[0].square().sum(1);
  const auto found = trainer.model().evaluation_buffers("generator");
  // Five standard errors of a mean and of a variance of 1,024 samples.
  for (int64_t i = 0; i < 2; ++i) {
    const double expected = variance[i].item<double>();
    EXPECT_NEAR(found[0][i].item<double>(), 2, 5 * std::sqrt(expected / kAverageBufferSamples));
    EXPECT_NEAR(found[1][i].item<double>(), expected,
                5 * expected * std::sqrt(2.0 / kAverageBufferSamples));
  }
  EXPECT_EQ(joined(flat.buffer_views), running) << "training's own stay";

  // What is generated is then normalized, and was not with the running statistics.
  const at::Tensor latent = make_noise(objectives::latent_noise("z", trainer.objective().latent()),
                                       {1, "test", 0, 0, 4000}, at::kCPU);
  const auto spread = [&](bool averaged) {
    return trainer.objective()
        .generate(trainer.model().evaluation_forward(averaged), latent, {})
        .var(0)
        .mean()
        .item<double>();
  };
  EXPECT_NEAR(spread(true), 1, 0.15);
  trainer.model().forget_average_buffers();
  EXPECT_GT(spread(true), 1.5);
}

TEST(AverageBuffers, LastUntilTheNextStepAndAreTheSameOnEveryRank) {
  const Problem problem = image_gan();
  const auto find = [&](world::Communicator& ranks) {
    RankTrainer trainer(problem, ranks);
    for (uint64_t step = 0; step < 2; ++step) trainer.step(step);
    EXPECT_FALSE(trainer.model().has_average_buffers());
    estimate(trainer, problem);
    EXPECT_TRUE(trainer.model().has_average_buffers());
    const auto found = buffers_of(trainer, "generator");
    EXPECT_NE(found, joined(trainer.model().at("generator").flat.buffer_views));
    // Nothing of the discriminator is evaluated.
    EXPECT_EQ(trainer.model().average_buffers("discriminator"), nullptr);
    trainer.step(2);
    EXPECT_FALSE(trainer.model().has_average_buffers());
    return found;
  };
  for (const int size : {2, 4}) {
    const auto found = on_ranks<std::vector<float>>(size, find);
    for (const auto& each : found) EXPECT_EQ(each, found[0]) << size << " ranks";
  }
}

TEST(AverageBuffers, OfAnAutoencoderBothNetworksHaveThem) {
  Problem problem = image_vae();
  problem.vae().encoder.norm = problem.vae().decoder.norm = "batch";
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  for (uint64_t step = 0; step < 3; ++step) trainer.step(step);
  estimate(trainer, problem);
  for (const char* network : {"encoder", "decoder"})
    EXPECT_GT(relative_difference(buffers_of(trainer, network),
                                  joined(trainer.model().at(network).flat.buffer_views)),
              0.01)
        << network;
}

TEST(AverageBuffers, OfANetworkWithoutAveragedWeightsAreTheRunningOnes) {
  Problem problem = normed_gan();
  problem.gan().generator_optimizer.ema_decay = 0;
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  trainer.step(0);
  estimate(trainer, problem);
  EXPECT_EQ(trainer.model().average_buffers("generator"), nullptr);
}

TEST(AverageBuffers, TravelInACheckpointWhichMayLackThem) {
  const Problem problem = image_gan();
  const fs::path folder =
      fs::temp_directory_path() / fmt::format("allmodes-average-buffers-{}", ::getpid());
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  trainer.step(0);
  const checkpoints::State state{
      .step = 1, .samples = 16, .config = "", .allmodes_version = "", .libtorch_version = ""};
  for (const bool with : {false, true}) {
    fs::remove_all(folder);
    if (with) estimate(trainer, problem);
    const auto snapshot = take_snapshot(trainer.model());
    const auto saved = checkpoints::open(checkpoints::save(folder, state, snapshot.payload, 1));
    for (const auto& restored : on_ranks<std::vector<float>>(2, [&](world::Communicator& ranks) {
           RankTrainer other(problem, ranks);
           restore(other.model(), ranks.rank() == 0 ? &saved : nullptr, ranks);
           EXPECT_EQ(other.model().has_average_buffers(), with);
           return buffers_of(other, "generator");
         }))
      EXPECT_EQ(restored, buffers_of(trainer, "generator"));
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace allmodes::training
