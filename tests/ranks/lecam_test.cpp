// LeCam regularization: its formula, and running means that are those of all ranks.

#include "objectives/lecam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "objectives/adversary.h"
#include "ranks/gradients_over_ranks.h"
#include "ranks/objective_fixture.h"
#include "ranks/training_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::Floats;

at::Tensor one_number(double value) {
  return at::full({1}, value, at::kDouble);
}

TEST(LeCam, IsTheSquaredDistanceByWhichScoresPassTheOthersRunningMean) {
  networks::Plan plan;
  plan.buffers = {{.name = "3.running_mean", .shape = {2}}};
  const LeCam lecam(plan);
  LeCam::add_buffers(plan, 0.75);
  ASSERT_EQ(plan.buffers.size(), 4U);
  EXPECT_DOUBLE_EQ(plan.buffers[1].momentum, 0.25);
  // Sums of two updates of weights that do not reach 1 yet: means are 2 and -1.
  const double mass = 1 - 0.75 * 0.75;
  std::vector<at::Tensor> buffers{at::zeros({2}, at::kDouble), one_number(2 * mass),
                                  one_number(-1 * mass), one_number(mass)};
  const Forward forward({}, {}, {}, {},
                        [&](const std::string&) { return std::span<const at::Tensor>(buffers); });
  const Scores scores{testing::draw({4, 3}, "reals"), testing::draw({4, 3}, "fakes")};
  double expected = 0;
  for (const double real : testing::list(scores.real))
    expected += std::pow(std::max(0.0, real + 1), 2) / 12;
  for (const double fake : testing::list(scores.fake))
    expected += std::pow(std::max(0.0, 2 - fake), 2) / 12;
  EXPECT_NEAR(lecam.loss(forward, scores).item<double>(), expected, 1e-12);
  buffers[3] = one_number(0);
  EXPECT_EQ(lecam.loss(forward, scores).item<double>(), 0) << "before the first update";
}

// Every rank's batch has scores of its own; the means are those of the whole batch.
TEST(LeCamOverRanks, KeepsTheMeansOfAllRanks) {
  testing::Problem problem = testing::ring_gan();
  problem.gan().lecam = 0.3;
  problem.gan().lecam_decay = 0.5;
  Floats alone;
  for (const int size : testing::kRankCounts) {
    const auto found = testing::on_ranks<Floats>(size, [&](world::Communicator& group) {
      testing::RankTrainer trainer(problem, group);
      for (uint64_t step = 0; step < 4; ++step) trainer.step(step);
      return testing::joined(trainer.model().at(kDiscriminator).flat.buffer_views);
    });
    for (const auto& each : found) EXPECT_EQ(each, found[0]) << size;
    ASSERT_EQ(found[0].size(), 3U);
    EXPECT_FLOAT_EQ(found[0][2], 1 - 1.0F / 16);
    EXPECT_NE(found[0][0], found[0][1]);
    if (size == 1) alone = found[0];
    EXPECT_LT(testing::relative_difference(found[0], alone), 1e-4) << size;
  }
}

TEST(LeCamOverRanks, HasTheGradientOfTheWholeBatch) {
  testing::Problem problem = testing::ring_gan();
  problem.gan().lecam = 0.3;
  testing::expect_gradient_of_the_whole_batch(problem, 2);
}

TEST(LeCam, IsRefusedBesideUnrolledSteps) {
  testing::Problem problem = testing::ring_gan();
  problem.gan().lecam = 0.3;
  problem.gan().unrolled_steps = 2;
  std::vector<ConfigurationError> errors;
  EXPECT_EQ(make_objective(problem.config, facts_of(*problem.dataset), errors), nullptr);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].path, "gan.lecam");
}

}  // namespace
}  // namespace allmodes::objectives
