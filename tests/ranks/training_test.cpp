// A step of training on 1, 2 and 4 ranks: the gradient of the whole batch, the same noise and
// samples, the same running statistics; and that a restored run goes on bit for bit.

#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "ranks/gradients_over_ranks.h"
#include "ranks/training_fixture.h"
#include "training/noise.h"
#include "training/snapshot.h"

namespace allmodes::training {
namespace {

using ::allmodes::testing::image_autoencoder;
using ::allmodes::testing::image_gan;
using ::allmodes::testing::image_vae;
using ::allmodes::testing::joined;
using ::allmodes::testing::kRankCounts;
using ::allmodes::testing::norm;
using ::allmodes::testing::on_ranks;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;
using ::allmodes::testing::relative_difference;
using ::allmodes::testing::ring_gan;

using ::allmodes::testing::expect_gradient_of_the_whole_batch;
using ::allmodes::testing::Floats;
using ::allmodes::testing::Gradients;
using ::allmodes::testing::gradients_of_step;

Problem penalized_gan() {
  Problem problem = ring_gan();
  problem.gan().discriminator.activation = "softplus";  // whose second derivative is not zero
  problem.gan().penalty = {{.kind = "r1", .weight = 0.5, .interval = 2},
                           {.kind = "gradient_penalty", .weight = 2}};
  return problem;
}

Problem normed_gan() {
  Problem problem = ring_gan();
  problem.gan().generator.norm = "sync_batch";
  return problem;
}

TEST(GradientOverRanks, IsThatOfTheWholeBatchForAGan) {
  expect_gradient_of_the_whole_batch(ring_gan(), 1);
}
TEST(GradientOverRanks, IsThatOfTheWholeBatchForAWassersteinGan) {
  Problem problem = ring_gan();
  problem.gan().loss = "wasserstein";
  problem.gan().discriminator_steps = 2;
  expect_gradient_of_the_whole_batch(problem, 0);
}
TEST(GradientOverRanks, IsThatOfTheWholeBatchForAVae) {
  expect_gradient_of_the_whole_batch(image_vae(), 3);
}
TEST(GradientOverRanks, IsThatOfTheWholeBatchWithBatchNormOverAllRanks) {
  expect_gradient_of_the_whole_batch(normed_gan(), 0);
  expect_gradient_of_the_whole_batch(image_gan(), 0);
}
TEST(GradientOverRanks, IsThatOfTheWholeBatchWithPenalties) {
  Problem problem = penalized_gan();
  problem.gan().generator.norm = "sync_batch";
  expect_gradient_of_the_whole_batch(problem, 1);  // the losses and the gradient penalty
  expect_gradient_of_the_whole_batch(problem, 2);  // last in the discriminator: R1 alone
}
TEST(GradientOverRanks, IsThatOfTheWholeBatchInMicrobatches) {
  expect_gradient_of_the_whole_batch(penalized_gan(), 1, 2);
  expect_gradient_of_the_whole_batch(penalized_gan(), 2, 4);
  expect_gradient_of_the_whole_batch(image_vae(), 0, 2);
}

TEST(GradientOverRanks, OfALazyPenaltyLeavesTheLastBiasZero) {
  for (const int size : kRankCounts) {
    on_ranks<int>(size, [](world::Communicator& group) {
      RankTrainer trainer(penalized_gan(), group);
      trainer.step(2, /*update=*/false);
      const auto& flat = trainer.model().at("discriminator").flat;
      EXPECT_EQ(flat.plan.parameters.back().name, "4.bias");
      EXPECT_EQ(norm(joined({flat.gradient_views.back()})), 0);
      EXPECT_GT(norm(joined({flat.gradient_views[flat.gradient_views.size() - 2]})), 0);
      return 0;
    });
  }
}

TEST(GradientOverRanks, DoesNotDependOnTheBuckets) {
  Problem problem = image_gan();
  const auto small = on_ranks<Gradients>(
      2, [&](world::Communicator& group) { return gradients_of_step(problem, group, 0); });
  problem.config.exchange = {};
  const auto large = on_ranks<Gradients>(
      2, [&](world::Communicator& group) { return gradients_of_step(problem, group, 0); });
  EXPECT_EQ(small[0], large[0]);
}

TEST(NoiseOverRanks, SideBySideIsThatOfOneRank) {
  const std::vector<objectives::NoiseInput> inputs = {
      {"a", {5}},
      {"mix", {1}, "uniform"},
      {"b", {2, 3}, "uniform_symmetric"},
      objectives::latent_noise("latent", {.dimension = 3, .distribution = "sphere"}),
      objectives::latent_noise("latent", {.dimension = 3, .distribution = "mixture"})};
  const auto noise = [](const auto& input, uint64_t seed, uint64_t step, int64_t first,
                        int64_t count) {
    return joined({make_noise(input, {seed, "phase", step, first, count}, at::kCPU)});
  };
  for (const auto& input : inputs) {
    const Floats whole = noise(input, 3, 17, 0, 24);
    for (const int size : kRankCounts) {
      Floats parts;
      for (int rank = 0; rank < size; ++rank) {
        const auto part = data::share(24, rank, size);
        const Floats mine = noise(input, 3, 17, part.first, part.count);
        parts.insert(parts.end(), mine.begin(), mine.end());
      }
      EXPECT_EQ(parts, whole) << input.name << " on " << size << " ranks";
    }
    EXPECT_NE(noise(input, 3, 18, 0, 24), whole);
    EXPECT_NE(noise(input, 4, 17, 0, 24), whole);
  }
  for (const float x : noise(inputs[2], 3, 17, 0, 24)) {
    EXPECT_GE(x, -1);
    EXPECT_LT(x, 1);
  }
}

TEST(Priors, HaveTheMomentsTheirNamesPromise) {
  constexpr int64_t kCount = 20'000;
  const auto draw = [](const config::Latent& latent) {
    return make_noise(objectives::latent_noise("latent", latent), {1, "prior", 0, 0, kCount},
                      at::kCPU);
  };
  // Half-width of a mean's distribution at 5 standard errors, for unit variance.
  const double tolerance = 5 / std::sqrt(static_cast<double>(kCount));
  const at::Tensor sphere = draw({.dimension = 4, .distribution = "sphere"});
  EXPECT_LT((sphere.square().sum(1) - 4).abs().max().item<double>(), 1e-5);
  EXPECT_LT(sphere.mean(0).abs().max().item<double>(), tolerance);
  EXPECT_LT((sphere.square().mean(0) - 1).abs().max().item<double>(), 2 * tolerance);

  const config::Latent mixture{
      .dimension = 3, .distribution = "mixture", .components = 4, .radius = 2.0, .std = 0.1};
  const at::Tensor drawn = draw(mixture);
  EXPECT_LT((drawn.narrow(1, 2, 1).square().mean() - 0.01).abs().item<double>(),
            0.01 * tolerance * 2);
  // Means at (2, 0), (0, 2), (-2, 0), (0, -2): the radius is 2 up to the components' width.
  const at::Tensor radius = drawn.narrow(1, 0, 2).square().sum(1).sqrt();
  EXPECT_GT(radius.min().item<double>(), 1.4);
  EXPECT_LT(radius.max().item<double>(), 2.6);
  const double right = (drawn.select(1, 0) > 1).to(at::kFloat).mean().item<double>();
  EXPECT_NEAR(right, 0.25, tolerance);
}

TEST(BatchesOverRanks, SideBySideAreThoseOfOneRank) {
  const Problem problem = image_vae();  // 100 samples, 16 a step: the 7th batch straddles epochs
  std::vector<Floats> whole;
  for (const int size : kRankCounts) {
    const auto parts = on_ranks<std::vector<Floats>>(size, [&](world::Communicator& group) {
      RankTrainer trainer(problem, group);
      std::vector<Floats> batches;
      for (int step = 0; step < 10; ++step) {
        const LocalBatch batch = trainer.next();
        EXPECT_EQ(batch.first, group.rank() * 16 / group.size());
        batches.push_back(joined({batch.samples}));
      }
      return batches;
    });
    if (size == 1) whole = parts[0];
    for (size_t step = 0; step < 10; ++step) {
      Floats together;
      for (const auto& part : parts)
        together.insert(together.end(), part[step].begin(), part[step].end());
      EXPECT_EQ(together, whole[step]) << "step " << step << " on " << size << " ranks";
    }
  }
}

// All that a run is: weights, averages, moments, running statistics.
Floats everything(Model& model) {
  Floats all;
  for (const auto& view : take_snapshot(model).storage) {
    const Floats part = joined({view});
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST(TrainingOverRanks, FollowsTheSamePathOnAnyNumberOfRanks) {
  for (const Problem& problem :
       {penalized_gan(), image_gan(), image_vae(), image_autoencoder<config::Aae>(),
        image_autoencoder<config::InfoVae>(), image_autoencoder<config::WaeMmd>(),
        image_autoencoder<config::WaeGan>(), image_autoencoder<config::VaeGan>()}) {
    Floats alone;
    for (const int size : kRankCounts) {
      const auto ends = on_ranks<Floats>(size, [&](world::Communicator& group) {
        RankTrainer trainer(problem, group);
        for (uint64_t step = 0; step < 4; ++step) trainer.step(step);
        return everything(trainer.model());
      });
      for (const auto& end : ends) EXPECT_EQ(end, ends[0]) << "ranks differ";
      if (size == 1) alone = ends[0];
      EXPECT_LT(relative_difference(ends[0], alone), 1e-4) << size << " ranks";
    }
  }
}

// Batch norm over a rank's own samples: the ranks normalize differently, yet keep equal statistics.
TEST(RunningStatistics, AreTheSameOnEveryRankAndMoveOnlyWithTraining) {
  Problem problem = ring_gan();
  problem.gan().generator.norm = "batch";
  for (const int size : kRankCounts) {
    const auto buffers = on_ranks<Floats>(size, [&](world::Communicator& group) {
      RankTrainer trainer(problem, group);
      const auto& views = trainer.model().at("generator").flat.buffer_views;
      const Floats start = joined(views);
      trainer.step(0, /*update=*/false);
      EXPECT_EQ(joined(views), start);
      trainer.step(0);
      EXPECT_NE(joined(views), start);
      return joined(views);
    });
    for (const auto& each : buffers) EXPECT_EQ(each, buffers[0]);
  }
}

// momentum * the batch's mean, from 0, and the mean of the ranks' means is that of the batch.
TEST(RunningStatistics, AreThoseOfTheWholeBatch) {
  Problem problem = ring_gan();
  problem.gan().generator = {
      .layers = {{config::BatchNorm{.momentum = 0.25}}, {config::Linear{.units = 2}}}};
  const at::Tensor latent =
      make_noise(objectives::latent_noise("latent", problem.gan().latent),
                 {problem.config.seed, "generator", 0, 0, problem.config.batch}, at::kCPU);
  const Floats expected = joined({latent.mean(0) * 0.25});
  for (const int size : kRankCounts) {
    on_ranks<int>(size, [&](world::Communicator& group) {
      RankTrainer trainer(problem, group);
      trainer.step(0);
      const auto& views = trainer.model().at("generator").flat.buffer_views;
      EXPECT_LT(relative_difference(joined({views[0]}), expected), 1e-5);
      return 0;
    });
  }
}

TEST(LossesOverRanks, AverageToThoseOfTheWholeBatch) {
  std::map<std::string, double> whole;
  for (const int size : kRankCounts) {
    using Scalars = std::map<std::string, double>;
    const auto ranks = on_ranks<Scalars>(size, [&](world::Communicator& group) {
      RankTrainer trainer(penalized_gan(), group);
      Scalars found;
      for (const auto& [name, value] : trainer.step(2).scalars) found[name] = value.item<double>();
      return found;
    });
    Scalars mean;
    for (const auto& rank : ranks)
      for (const auto& [name, value] : rank) mean[name] += value / size;
    if (size == 1) whole = mean;
    EXPECT_EQ(whole.size(), 6U);
    for (const auto& [name, value] : whole)
      EXPECT_NEAR(mean.at(name), value, 1e-5 * std::max(1.0, std::abs(value))) << name;
  }
}

class Resuming : public ::testing::Test {
 protected:
  Resuming()
      : folder_(std::filesystem::temp_directory_path() /
                ("allmodes-resume-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
  }
  ~Resuming() override { std::filesystem::remove_all(folder_); }

  void save(RankTrainer& trainer, uint64_t step, uint64_t samples) const {
    const Snapshot snapshot = take_snapshot(trainer.model());
    checkpoints::State state;
    state.step = step;
    state.samples = samples;
    checkpoints::save(folder_, state, snapshot.payload, 1);
  }
  checkpoints::Opened open() const {
    std::vector<std::string> refused;
    auto found = checkpoints::open_newest(folder_, refused);
    ALLMODES_CHECK(found.has_value(), "no checkpoint in {}", folder_.string());
    return *std::move(found);
  }

  // 20 steps at once, and 10 + save, restore into a new model, + 10; `prepare` changes that model.
  void expect_bits_of_one_run(const Problem& problem,
                              const std::function<void(RankTrainer&)>& prepare) const {
    const auto self = world::make_self_communicator();
    RankTrainer whole(problem, *self);
    for (uint64_t step = 0; step < 20; ++step) {
      if (step == 10) {
        const auto reads = static_cast<uint64_t>(
            std::count_if(whole.objective().phases().begin(), whole.objective().phases().end(),
                          [](const auto& phase) { return phase.reads_samples; }));
        save(whole, step, step * reads * static_cast<uint64_t>(problem.config.batch));
      }
      whole.step(step);
    }
    const auto checkpoint = open();
    RankTrainer resumed(problem, *self);
    prepare(resumed);
    restore(resumed.model(), checkpoint);
    resumed.read_from(checkpoint.state.samples);
    for (uint64_t step = checkpoint.state.step; step < 20; ++step) resumed.step(step);
    EXPECT_EQ(everything(resumed.model()), everything(whole.model()));
  }

  std::filesystem::path folder_;
};

std::vector<Problem> resumed_problems() {
  Problem critic = penalized_gan();
  critic.gan().discriminator_steps = 2;
  return {critic, image_gan(), image_vae(), image_autoencoder<config::Aae>(),
          image_autoencoder<config::WaeMmd>()};
}

TEST_F(Resuming, GoesOnBitForBit) {
  for (const Problem& problem : resumed_problems())
    expect_bits_of_one_run(problem, [](RankTrainer&) {});
}

TEST_F(Resuming, GoesOnBitForBitInAnotherLayout) {
  for (const Problem& problem : resumed_problems()) {
    expect_bits_of_one_run(problem, [](RankTrainer& trainer) {
      std::vector<std::pair<std::string, std::vector<int64_t>>> orders;
      for (const auto& network : trainer.model().networks()) {
        auto order = network->flat.order;
        std::reverse(order.begin(), order.end());
        orders.emplace_back(network->flat.name, order);
      }
      for (const auto& [name, order] : orders) trainer.model().relayout(name, order);
    });
  }
}

TEST_F(Resuming, OfAnotherNetworkIsRefusedByName) {
  const auto self = world::make_self_communicator();
  Problem problem = ring_gan();
  RankTrainer trainer(problem, *self);
  save(trainer, 1, 32);
  problem.gan().generator.width = 13;
  RankTrainer other(problem, *self);
  try {
    restore(other.model(), open());
    ADD_FAILURE() << "the checkpoint was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kDataError);
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("generator.safetensors"),
                                               ::testing::HasSubstr("weights/0.weight")));
  }
}

TEST(ReadyOrder, IsAdoptedByEveryRankAndChangesNoGradient) {
  for (const Problem& problem : {image_gan(), penalized_gan(), image_vae()}) {
    const auto usual = on_ranks<Gradients>(
        2, [&](world::Communicator& group) { return gradients_of_step(problem, group, 1); });
    std::vector<std::vector<std::vector<int64_t>>> orders(2);
    const auto adopted = on_ranks<Gradients>(2, [&](world::Communicator& group) {
      RankTrainer trainer(problem, group);
      adopt_ready_order(trainer.objective(), trainer.model(), trainer.next(),
                        {problem.config.seed, 1}, group);
      trainer.read_from(0);
      trainer.step(1, /*update=*/false);
      Gradients found;
      for (const auto& network : trainer.model().networks()) {
        orders[static_cast<size_t>(group.rank())].push_back(network->flat.order);
        found[network->flat.name] = joined(network->flat.gradient_views);
      }
      return found;
    });
    EXPECT_EQ(orders[0], orders[1]);
    EXPECT_EQ(adopted[0], usual[0]);
  }
}

}  // namespace
}  // namespace allmodes::training
