// Losses and remedies that couple samples: a step of 1, 2 and 4 ranks has the gradient of one
// process on the whole batch.

#include <gtest/gtest.h>

#include "objectives/adversary.h"
#include "ranks/gradients_over_ranks.h"

namespace allmodes::objectives {
namespace {

using testing::expect_gradient_of_the_whole_batch;
using testing::image_gan;
using testing::on_ranks;
using testing::Problem;
using testing::RankTrainer;
using testing::ring_gan;

Problem smooth_gan() {
  Problem problem = ring_gan();
  problem.gan().discriminator.activation = "softplus";  // whose second derivative is not zero
  return problem;
}

TEST(RemediesOverRanks, PackingIsThatOfTheWholeBatch) {
  for (const int64_t packing : {2, 4, 8}) {
    Problem problem = smooth_gan();
    problem.gan().packing = packing;
    problem.gan().penalty = {{.kind = "gradient_penalty"}, {.kind = "r2"}};
    expect_gradient_of_the_whole_batch(problem, 1);
  }
  Problem problem = ring_gan();
  problem.gan().packing = 2;
  expect_gradient_of_the_whole_batch(problem, 1, /*microbatches=*/4);
}

TEST(RemediesOverRanks, RelativisticPairsAreThoseOfTheWholeBatch) {
  Problem problem = smooth_gan();
  problem.gan().loss = "relativistic";
  problem.gan().penalty = {{.kind = "r1"}, {.kind = "r2"}};
  expect_gradient_of_the_whole_batch(problem, 0);
}

// Its width is the deviation over all ranks.
TEST(RemediesOverRanks, DraganIsThatOfTheWholeBatch) {
  Problem problem = smooth_gan();
  problem.gan().penalty = {{.kind = "dragan"}};
  expect_gradient_of_the_whole_batch(problem, 0);
}

TEST(RemediesOverRanks, ModeSeekingIsThatOfTheWholeBatch) {
  Problem problem = ring_gan();
  problem.gan().mode_seeking = 2;
  expect_gradient_of_the_whole_batch(problem, 0);
}

TEST(RemediesOverRanks, UnrolledStepsAreThoseOfTheWholeBatch) {
  for (const int64_t steps : {1, 3}) {
    Problem problem = smooth_gan();
    problem.gan().unrolled_steps = steps;
    problem.gan().discriminator_optimizer.learning_rate = 0.3 / kUnrolledRateFactor;
    expect_gradient_of_the_whole_batch(problem, 0);
  }
}

TEST(RemediesOverRanks, NoiseAndAugmentationAreThoseOfTheWholeBatch) {
  Problem problem = image_gan();
  problem.gan().packing = 2;
  problem.gan().instance_noise = 0.1;
  problem.gan().instance_noise_steps = 10;
  problem.gan().augment = "color,translation,cutout";
  expect_gradient_of_the_whole_batch(problem, 3);
}

TEST(RemediesOverRanks, AConditionalGanIsThatOfTheWholeBatch) {
  Problem problem = image_gan();  // whose samples have labels
  problem.gan().generator = {.width = 12, .depth = 2};
  problem.gan().discriminator = {.width = 12, .depth = 2, .activation = "leaky_relu"};
  problem.gan().conditioning = "projection";
  problem.gan().mode_seeking = 1;
  expect_gradient_of_the_whole_batch(problem, 2);
}

TEST(WeightClipping, KeepsTheDiscriminatorsWeightsInTheirBox) {
  Problem problem = ring_gan();
  problem.gan().loss = "wasserstein";
  problem.gan().weight_clip = 0.01;
  for (const int size : testing::kRankCounts) {
    on_ranks<int>(size, [&](world::Communicator& ranks) {
      RankTrainer trainer(problem, ranks);
      trainer.step(0);
      const auto largest = [&](const char* name) {
        double largest_value = 0;
        for (const float w : testing::joined(trainer.model().at(name).flat.parameter_views))
          largest_value = std::max(largest_value, std::abs(static_cast<double>(w)));
        return largest_value;
      };
      EXPECT_FLOAT_EQ(static_cast<float>(largest("discriminator")), 0.01F);
      EXPECT_GT(largest("generator"), 0.1);
      return 0;
    });
  }
}

// StyleGAN2's setting: rate 0.002, decay 0.99, R1 every 16 steps: 16/17 of each (Karras et al.,
// arXiv 1912.04958, appendix B).
TEST(LazyPenalties, LeaveTheDiscriminatorsOptimizerAsFastAsPenaltiesInEveryStep) {
  Problem problem = ring_gan();
  auto& gan = problem.gan();
  gan.discriminator_optimizer = {.learning_rate = 0.002, .beta1 = 0.5, .beta2 = 0.99};
  gan.penalty = {{.kind = "r1", .interval = 1}};
  EXPECT_EQ(discriminator_optimizer(gan).learning_rate, 0.002);
  EXPECT_EQ(discriminator_optimizer(gan).beta2, 0.99);
  gan.penalty = {{.kind = "r1", .interval = 16}};
  EXPECT_NEAR(discriminator_optimizer(gan).learning_rate, 0.00188235, 1e-8);
  EXPECT_NEAR(discriminator_optimizer(gan).beta1, 0.520808, 1e-6);
  EXPECT_NEAR(discriminator_optimizer(gan).beta2, 0.990585, 1e-6);
  // 3 updates of its own a step, and 1/4 + 1/2 of the penalties.
  gan.discriminator_steps = 3;
  gan.penalty = {{.kind = "r1", .interval = 4}, {.kind = "r2", .interval = 2}};
  EXPECT_NEAR(discriminator_optimizer(gan).learning_rate, 0.002 * 3 / 3.75, 1e-12);
  const auto objective = testing::objective_of(problem);
  EXPECT_NEAR(objective->networks()[1].optimizer.learning_rate, 0.002 * 3 / 3.75, 1e-12);
}

}  // namespace
}  // namespace allmodes::objectives
