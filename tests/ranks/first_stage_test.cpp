// First stages: quantizers against closed forms, the codebook the same on any number of ranks, and
// the adaptive weight from the gradients of the whole batch.

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "objectives/adversary.h"
#include "objectives/quantizer.h"
#include "ranks/gradients_over_ranks.h"
#include "training/snapshot.h"

namespace allmodes::objectives {
namespace {

using testing::Floats;
using testing::joined;
using testing::on_ranks;
using testing::Problem;
using testing::RankTrainer;

Problem first_stage(const std::string& quantizer) {
  config::RunConfig config = testing::short_run(6, 16);
  config::FirstStage family;
  family.encoder = {.architecture = "residual_autoencoder", .width = 4, .depth = 1};
  family.decoder = family.encoder;
  family.discriminator = {.architecture = "patch", .width = 4, .depth = 1};
  family.quantizer = quantizer;
  family.channels = 2;
  family.downsampling = 2;
  family.codes = 8;
  if (quantizer == "fsq") family.levels = {5, 4};
  family.adversarial_weight = 0;
  config.family = family;
  config.exchange = {.bucket_mib = 0.002, .first_bucket_mib = 0.0005};
  return {config, testing::blobs(100)};
}

config::FirstStage& family_of(Problem& problem) {
  return std::get<config::FirstStage>(problem.config.family);
}

TEST(Codebook, FollowsMeansAndRestartsDeadCodesAtTheirCandidates) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  CodebookState state{.vectors = at::tensor({1., 2., 3.}, options).view({3, 1}),
                      .average = at::tensor({1., 2., 3.}, options).view({3, 1}),
                      .use = at::tensor({0.4, 0., 0.01}, options),
                      .sum = at::tensor({2., 0., 0.05}, options).view({3, 1}),
                      .mass = at::tensor({0.5}, options),
                      .age = at::tensor({0., 4., 1.}, options)};
  settle_codebook(state, {.use = at::tensor({0.9, 0., 0.1}, options), .candidate = {}}, 0, true);
  EXPECT_TRUE(state.vectors.flatten().allclose(at::tensor({5., 2., 5.}, options)));
  EXPECT_TRUE(state.age.equal(at::tensor({0., 5., 0.}, options)));

  // Shares of use are 0.8, 0 and 0.02.
  const CodebookStep step{.use = at::tensor({0.9, 0., 0.1}, options),
                          .candidate = at::tensor({7., 8., 9.}, options).view({3, 1})};
  settle_codebook(state, step, 0.01, true);
  EXPECT_TRUE(state.vectors.flatten().allclose(at::tensor({5., 8., 5.}, options)));
  EXPECT_TRUE(state.average.flatten().allclose(at::tensor({1., 8., 3.}, options)));
  EXPECT_TRUE(state.use.allclose(at::tensor({0.4, 0.01, 0.01}, options)));
  EXPECT_TRUE(state.sum.flatten().allclose(at::tensor({2., 0.08, 0.05}, options)));
}

TEST(ScalarLevels, AreAllReachedAndNumberedOnce) {
  Problem problem = first_stage("fsq");
  std::vector<ConfigurationError> errors;
  const auto quantizer = make_quantizer(family_of(problem), {2, 1, 1}, 16, errors);
  ASSERT_NE(quantizer, nullptr);
  const Forward none({}, {});
  std::set<int64_t> codes;
  for (double a = -4; a <= 4; a += 0.05)
    for (double b = -4; b <= 4; b += 0.05)
      codes.insert(
          quantizer->codes_of(none, at::tensor({a, b}).view({1, 2, 1, 1})).item<int64_t>());
  EXPECT_EQ(quantizer->codes(), 20);
  EXPECT_EQ(codes.size(), 20U);
  EXPECT_EQ(*codes.begin(), 0);
  EXPECT_EQ(*codes.rbegin(), 19);
  // The middle is 0, the ends are -1 and, of an odd number of levels, 1.
  const at::Tensor ends =
      quantizer->code(none, at::tensor({0., 9., -9., 0., 9., -9.}).view({1, 2, 3, 1}));
  EXPECT_TRUE(ends.flatten().allclose(at::tensor({0., 1., -1., 0., 0.5, -1.})));
}

// Weights, averages, moments and running statistics after some steps.
Floats state_after(const Problem& problem, world::Communicator& group, int steps) {
  RankTrainer trainer(problem, group);
  for (int step = 0; step < steps; ++step) trainer.step(static_cast<uint64_t>(step));
  Floats all;
  for (const auto& view : training::take_snapshot(trainer.model()).storage) {
    const Floats part = joined({view});
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST(CodebookOverRanks, HasTheSameBitsOnAnyNumberOfRanksOfDeterministicShards) {
  for (const std::string codebook : {"gradient", "ema"}) {
    Problem problem = first_stage("vq");
    family_of(problem).codebook = codebook;
    family_of(problem).restart_below = 2;
    problem.config.deterministic_shards = 4;
    Floats alone;
    for (const int size : testing::kRankCounts) {
      const auto ends = on_ranks<Floats>(
          size, [&](world::Communicator& group) { return state_after(problem, group, 5); });
      for (const auto& end : ends) EXPECT_EQ(end, ends[0]);
      if (size == 1) alone = ends[0];
      EXPECT_EQ(ends[0], alone) << size << " ranks, " << codebook;
    }
  }
}

TEST(CodebookOverRanks, RestartsCodesAtVectorsOfTheBatch) {
  Problem problem = first_stage("vq");
  const auto self = world::make_self_communicator();
  const auto used = [&](double restart_below) {
    family_of(problem).restart_below = restart_below;
    RankTrainer trainer(problem, *self);
    for (uint64_t step = 0; step < 12; ++step) trainer.step(step);
    const at::Tensor share = trainer.model().at(kCodebook).flat.buffer_views[0];
    return share.gt(1e-3).sum().item<int64_t>();
  };
  EXPECT_GT(used(1), used(0));
}

TEST(FirstStageOverRanks, HasTheGradientOfTheWholeBatchWithAnAdaptiveWeight) {
  for (const std::string quantizer : {"kl", "fsq"}) {
    Problem problem = first_stage(quantizer);
    family_of(problem).adversarial_weight = 0.5;
    family_of(problem).loss = "hinge";
    testing::expect_gradient_of_the_whole_batch(problem, 1);
  }
}

TEST(FirstStagePhases, BeginWithoutTheDiscriminator) {
  Problem problem = first_stage("kl");
  family_of(problem).adversarial_weight = 0.5;
  family_of(problem).discriminator_start = 3;
  const auto objective = testing::objective_of(problem);
  const auto names = [&](uint64_t step) {
    std::vector<std::string> found;
    for (const auto& phase : objective->phases())
      if (phase.runs_in(step)) found.push_back(phase.name);
    return found;
  };
  EXPECT_EQ(names(2), std::vector<std::string>{"reconstruction"});
  EXPECT_EQ(names(3), (std::vector<std::string>{"discriminator", "autoencoder"}));
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const Floats before = joined(trainer.model().at(kDiscriminator).flat.parameter_views);
  for (uint64_t step = 0; step < 3; ++step) trainer.step(step);
  EXPECT_EQ(joined(trainer.model().at(kDiscriminator).flat.parameter_views), before);
  trainer.step(3);
  EXPECT_NE(joined(trainer.model().at(kDiscriminator).flat.parameter_views), before);
}

}  // namespace
}  // namespace allmodes::objectives
