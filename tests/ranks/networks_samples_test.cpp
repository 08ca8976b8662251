// Layers that see other samples or are random: their formulas in plain loops, and the same result
// on 1, 2 and 4 ranks.

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include <cmath>

#include "ranks/networks_fixture.h"
#include "ranks/training_fixture.h"

namespace allmodes::networks {
namespace {

using testing::kRankCounts;
using testing::make_network;
using testing::normal_tensor;
using testing::Problem;
using testing::RankTrainer;
using testing::run_network;
using testing::SmallNetwork;
using Floats = std::vector<float>;

TEST(MinibatchLayers, StddevIsTheMeanDeviationOfGroupsOfConsecutiveSamples) {
  const int64_t batch = 6, group = 3, values = 8;
  const SmallNetwork network = make_network({{config::MinibatchStddev{.group = group}}}, {2, 2, 2});
  const at::Tensor x = normal_tensor({batch, 2, 2, 2}, "x");
  const at::Tensor y = run_network(network, x, {.training = true});
  ASSERT_EQ(y.sizes().vec(), (Shape{batch, 3, 2, 2}));
  EXPECT_TRUE(y.narrow(1, 0, 2).equal(x));
  const at::Tensor flat = x.reshape({batch, values});
  const auto in = flat.accessor<double, 2>();
  for (int64_t first = 0; first < batch; first += group) {
    double deviation = 0;
    for (int64_t v = 0; v < values; ++v) {
      double mean = 0, square = 0;
      for (int64_t n = first; n < first + group; ++n) mean += in[n][v] / group;
      for (int64_t n = first; n < first + group; ++n)
        square += std::pow(in[n][v] - mean, 2) / group;
      deviation += std::sqrt(square + 1e-8) / values;
    }
    for (int64_t n = first; n < first + group; ++n)
      EXPECT_NEAR((y.accessor<double, 4>()[n][2][1][0]), deviation, 1e-12);
  }
  EXPECT_THROW(run_network(network, x.narrow(0, 0, 4), {.training = true}), Error);
}

TEST(MinibatchLayers, DiscriminationIsTheLikenessToTheOthers) {
  const int64_t batch = 4, features = 3, dimension = 2, inputs = 5;
  const SmallNetwork network = make_network(
      {{config::MinibatchDiscrimination{.features = features, .dimension = dimension}}}, {inputs});
  const at::Tensor x = normal_tensor({batch, inputs}, "x");
  const at::Tensor y = run_network(network, x, {.training = true});
  ASSERT_EQ(y.sizes().vec(), (Shape{batch, inputs + features}));
  EXPECT_TRUE(y.narrow(1, 0, inputs).equal(x));
  const auto in = x.accessor<double, 2>();
  const auto weight = network.parameters[0].accessor<double, 2>();
  const auto compared = [&](int64_t n, int64_t b, int64_t c) {
    double sum = 0;
    for (int64_t i = 0; i < inputs; ++i) sum += weight[b * dimension + c][i] * in[n][i];
    return sum;
  };
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t b = 0; b < features; ++b) {
      double likeness = 0;
      for (int64_t other = 0; other < batch; ++other) {
        if (other == n) continue;
        double distance = 0;
        for (int64_t c = 0; c < dimension; ++c)
          distance += std::abs(compared(n, b, c) - compared(other, b, c));
        likeness += std::exp(-distance);
      }
      EXPECT_NEAR((y.accessor<double, 2>()[n][inputs + b]), likeness, 1e-12);
    }
}

// A discriminator on points that ends in `layer` and a linear layer.
Problem with_layer(const config::Layer& layer) {
  Problem problem = testing::ring_gan();
  problem.gan().discriminator.layers = {{config::Linear{.units = 12}},
                                        {config::Activation{.function = "tanh"}},
                                        layer,
                                        {config::Linear{.units = 1}}};
  return problem;
}

// The averaged gradients of a step, of both networks.
Floats gradients_of_a_step(const Problem& problem, world::Communicator& ranks) {
  RankTrainer trainer(problem, ranks);
  trainer.step(1, /*update=*/false);
  Floats found;
  for (const auto& network : trainer.model().networks()) {
    const Floats part = testing::joined(network->flat.gradient_views);
    found.insert(found.end(), part.begin(), part.end());
  }
  return found;
}

void expect_the_gradient_of_one_rank(const Problem& problem) {
  const auto self = world::make_self_communicator();
  const Floats whole = gradients_of_a_step(problem, *self);
  EXPECT_GT(testing::norm(whole), 1e-3);
  for (const int size : kRankCounts)
    for (const auto& found : testing::on_ranks<Floats>(
             size, [&](auto& ranks) { return gradients_of_a_step(problem, ranks); }))
      EXPECT_LT(testing::relative_difference(found, whole), 1e-5) << size << " ranks";
}

TEST(MinibatchLayers, StddevTrainsTheSameOnAnyRankCountThatKeepsItsGroups) {
  expect_the_gradient_of_one_rank(with_layer({config::MinibatchStddev{.group = 4}}));
}

TEST(MinibatchLayers, GlobalDiscriminationTrainsTheSameOnAnyRankCount) {
  expect_the_gradient_of_one_rank(
      with_layer({config::MinibatchDiscrimination{.features = 3, .statistics = "global"}}));
}

TEST(MinibatchLayers, LocalDiscriminationDependsOnTheRankCount) {
  const Problem problem = with_layer({config::MinibatchDiscrimination{.features = 3}});
  const auto gradients = [&](auto& ranks) { return gradients_of_a_step(problem, ranks); };
  const auto one = testing::on_ranks<Floats>(1, gradients);
  const auto four = testing::on_ranks<Floats>(4, gradients);
  EXPECT_GT(testing::relative_difference(four[0], one[0]), 1e-2);
}

TEST(MinibatchLayers, ASharesRemainderOfGroupsIsRefused) {
  const Problem problem = with_layer({config::MinibatchStddev{.group = 16}});
  try {
    testing::on_ranks<Floats>(4, [&](auto& ranks) { return gradients_of_a_step(problem, ranks); });
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("cannot part 8 samples into groups of 16"));
  }
}

TEST(Dropout, TrainsTheSameOnAnyRankCount) {
  Problem problem = testing::ring_gan();
  problem.gan().generator.dropout = 0.3;
  problem.gan().discriminator.dropout = 0.3;
  expect_the_gradient_of_one_rank(problem);
}

// What a generator of nothing but dropout and a linear layer makes of ones.
at::Tensor masked(RankTrainer& trainer, uint64_t step, int64_t first, int64_t count, int forwards) {
  const c10::NoGradGuard no_grad;
  const auto forward = trainer.model().training_forward({}, {5, "phase", step, first, count});
  at::Tensor result;
  for (int i = 0; i < forwards; ++i)
    result = forward("generator", at::ones({count, 64}, at::kFloat));
  return result;
}

TEST(Dropout, MasksSideBySideAreThoseOfOneRankAndChangeWithEveryForwardAndStep) {
  Problem problem = testing::ring_gan();
  problem.gan().latent.dimension = 64;
  problem.gan().generator.layers = {{config::Dropout{}}, {config::Linear{.units = 2}}};
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const at::Tensor whole = masked(trainer, 3, 0, 8, 1);
  for (const int64_t size : {2, 4}) {
    std::vector<at::Tensor> parts;
    for (int64_t rank = 0; rank < size; ++rank)
      parts.push_back(masked(trainer, 3, rank * 8 / size, 8 / size, 1));
    EXPECT_LT(testing::worst_difference(at::cat(parts), whole), 1e-6) << size << " ranks";
  }
  EXPECT_GT(testing::worst_difference(whole.narrow(0, 0, 1), whole.narrow(0, 1, 1)), 1e-3);
  EXPECT_GT(testing::worst_difference(masked(trainer, 3, 0, 8, 2), whole), 1e-3);
  EXPECT_GT(testing::worst_difference(masked(trainer, 4, 0, 8, 1), whole), 1e-3);
}

}  // namespace
}  // namespace allmodes::networks
