// Spectral normalization: against the singular values of a decomposition, and as a bound.

#include "networks/spectral_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_svdvals.h>
#include <gtest/gtest.h>

#include "ranks/networks_fixture.h"
#include "ranks/training_fixture.h"

namespace allmodes::networks {
namespace {

using testing::make_network;
using testing::normal_tensor;
using testing::run_network;
using testing::SmallNetwork;
using testing::worst_difference;

TEST(SpectralNorm, ConvergesToTheLargestSingularValue) {
  struct Case {
    Shape shape;
    int64_t rows;  // the axis of the outputs
  };
  for (const auto& [shape, rows] : {Case{{6, 9}, 0}, Case{{9, 6}, 0}, Case{{1, 5}, 0},
                                    Case{{4, 3, 3, 3}, 0}, Case{{5, 4, 4, 4}, 1}}) {
    const at::Tensor weight = normal_tensor(shape, "weight");
    const int64_t size = weight.size(rows);
    const at::Tensor matrix = weight.transpose(0, rows).reshape({size, -1});
    const double largest = at::linalg_svdvals(matrix)[0].item<double>();
    at::Tensor u = normal_tensor({size}, "u");
    double sigma = 0;
    for (int i = 0; i < 500; ++i) {
      const SpectralNorm step = spectral_norm(weight, rows, u, /*iterate=*/true);
      const double next = weight.norm().div(step.weight.norm()).item<double>();
      EXPECT_LE(next, largest * (1 + 1e-12)) << "an estimate from below";
      EXPECT_GE(next, sigma * (1 - 1e-12)) << "that grows";
      sigma = next;
      u = step.u;
    }
    EXPECT_NEAR(sigma, largest, 1e-9 * largest) << to_string(shape);
    EXPECT_NEAR(u.norm().item<double>(), 1.0, 1e-12);
  }
}

TEST(SpectralNorm, AWeightOfZerosStaysOne) {
  const at::Tensor zero = at::zeros({3, 4}, at::kDouble);
  EXPECT_TRUE(spectral_norm(zero, 0, normal_tensor({3}, "u"), true).weight.equal(zero));
}

TEST(SpectralNorm, MakesALinearLayerOneLipschitzAndNoLess) {
  SmallNetwork network =
      make_network({{config::Linear{.units = 6, .bias = false, .spectral_norm = true}}}, {5});
  const at::Tensor x = normal_tensor({40, 5}, "x");
  testing::settle_spectral_norms(network, x, {.training = true});
  for (const bool training : {true, false}) {
    const at::Tensor stretch =
        run_network(network, x, {.training = training}).norm(2, 1).div(x.norm(2, 1));
    EXPECT_LE(stretch.max().item<double>(), 1 + 1e-9);
    const at::Tensor all = run_network(network, at::eye(5, at::TensorOptions().dtype(at::kDouble)),
                                       {.training = training});
    EXPECT_NEAR(at::linalg_svdvals(all)[0].item<double>(), 1.0, 1e-9);
  }
}

TEST(SpectralNorm, EvaluationUsesTheStoredVectorAndTrainingReportsTheNext) {
  SmallNetwork network = make_network({{config::Linear{.units = 3, .spectral_norm = true}}}, {4});
  ASSERT_EQ(network.plan.buffers.size(), 1U);
  EXPECT_EQ(network.plan.buffers[0].name, "0.u");
  const at::Tensor first = network.buffers[0].clone();
  EXPECT_NEAR(first.norm().item<double>(), 1.0, 1e-6);  // initialized in single precision
  const at::Tensor x = normal_tensor({2, 4}, "x");
  const auto next = spectral_norm(network.parameters[0], 0, first, true).u;

  BatchStatistics collected;
  run_network(network, x, {.training = false, .batch_statistics = &collected});
  EXPECT_TRUE(collected.counts.empty());
  for (int i = 0; i < 2; ++i)  // two forwards of a phase start from the same vector
    run_network(network, x, {.training = true, .batch_statistics = &collected});
  EXPECT_TRUE(network.buffers[0].equal(first));
  ASSERT_EQ(collected.counts, std::vector<int>{2});
  const c10::NoGradGuard no_grad;
  update_running_statistics(network.plan, collected, network.buffers);
  EXPECT_LT(worst_difference(network.buffers[0], next), 1e-12);

  const at::Tensor weight =
      spectral_norm(network.parameters[0], 0, network.buffers[0], false).weight;
  EXPECT_LT(worst_difference(run_network(network, x, {.training = false}),
                             x.matmul(weight.t()).add(network.parameters[1])),
            1e-12);
}

TEST(SpectralNorm, OfAClassProjectionTheTableAndTheWeightsHaveIt) {
  SmallNetwork network = make_network({{config::ClassProjection{.spectral_norm = true}}}, {4},
                                      at::kDouble, /*classes=*/3);
  const at::Tensor x = normal_tensor({6, 4}, "x");
  const at::Tensor labels = at::arange(6, at::kLong).remainder(3);
  testing::settle_spectral_norms(network, x, {.training = true, .labels = labels});
  const auto normed = [](const at::Tensor& matrix) {
    return matrix / at::linalg_svdvals(matrix)[0];
  };
  const at::Tensor expected =
      x.matmul(normed(network.parameters[0]).t()) + network.parameters[1] +
      (normed(network.parameters[2]).index_select(0, labels) * x).sum(1, true);
  EXPECT_LT(
      worst_difference(run_network(network, x, {.training = false, .labels = labels}), expected),
      1e-9);
}

TEST(SpectralNorm, TheVectorTravelsWithTheStepAndIsTheSameOnEveryRank) {
  testing::Problem problem = testing::ring_gan();
  problem.gan().discriminator.spectral_norm = true;
  const auto vectors = [&](world::Communicator& ranks) {
    testing::RankTrainer trainer(problem, ranks);
    for (uint64_t step = 0; step < 3; ++step) trainer.step(step);
    return testing::joined(trainer.model().at("discriminator").flat.buffer_views);
  };
  const auto alone = testing::on_ranks<std::vector<float>>(1, vectors);
  for (const int size : testing::kRankCounts)
    for (const auto& found : testing::on_ranks<std::vector<float>>(size, vectors))
      EXPECT_LT(testing::relative_difference(found, alone[0]), 1e-4) << size << " ranks";
  const auto self = world::make_self_communicator();
  testing::RankTrainer fresh(problem, *self);
  const auto first = testing::joined(fresh.model().at("discriminator").flat.buffer_views);
  EXPECT_GT(testing::relative_difference(alone[0], first), 0.1) << "no iteration was made";
}

}  // namespace
}  // namespace allmodes::networks
