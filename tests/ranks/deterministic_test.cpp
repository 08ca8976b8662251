// Deterministic shards: the same bits on every number of ranks.

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "gradients/tree_sum.h"
#include "ranks/training_fixture.h"

namespace allmodes::training {
namespace {

using namespace ::allmodes::testing;
using Weights = std::map<std::string, std::vector<float>>;

// Parameters, averages, moments and running statistics after a few steps.
Weights trained(const Problem& problem, world::Communicator& ranks) {
  RankTrainer trainer(problem, ranks);
  for (uint64_t step = 0; step < 4; ++step) trainer.step(step);
  Weights found;
  for (const auto& network : trainer.model().networks()) {
    const auto& flat = network->flat;
    found[flat.name] = joined(
        {flat.parameters, flat.average, flat.first_moment, flat.second_moment, flat.buffers});
  }
  return found;
}

Problem with_local_statistics(Problem problem) {
  auto& gan = std::get<config::Gan>(problem.config.family);
  for (auto* network : {&gan.generator, &gan.discriminator}) {
    for (auto& layer : network->layers) {
      if (auto* norm = std::get_if<config::BatchNorm>(&layer.kind)) norm->statistics = "local";
    }
  }
  return problem;
}

void expect_the_same_bits(Problem problem, int64_t shards) {
  problem.config.deterministic_shards = shards;
  problem.config.batch = 32;
  const auto self = world::make_self_communicator();
  const Weights alone = trained(problem, *self);
  for (const int size : {2, 4, 8}) {
    if (shards < size) continue;
    const auto found = on_ranks<Weights>(
        size, [&](world::Communicator& group) { return trained(problem, group); });
    for (const auto& each : found) EXPECT_EQ(each, alone) << size << " ranks";
  }
}

TEST(DeterministicShards, AGanWithBatchNormHasTheSameBitsOnEveryNumberOfRanks) {
  expect_the_same_bits(with_local_statistics(image_gan()), 8);
}

TEST(DeterministicShards, AnAutoencoderHasTheSameBitsOnEveryNumberOfRanks) {
  expect_the_same_bits(image_vae(), 4);
}

// What the shards are for: otherwise the order of additions shows.
TEST(DeterministicShards, WithoutThemTheBitsDiffer) {
  Problem problem = image_vae();
  problem.config.batch = 32;
  const auto self = world::make_self_communicator();
  const Weights alone = trained(problem, *self);
  const auto found =
      on_ranks<Weights>(4, [&](world::Communicator& group) { return trained(problem, group); });
  EXPECT_EQ(found[0], found[3]);
  EXPECT_NE(found[0], alone);
}

// Only the order of additions is another: the gradient is that of the whole batch.
TEST(DeterministicShards, TrainTheSameModelAsTheBatchInOnePiece) {
  Problem problem = image_vae();
  problem.config.batch = 32;
  const auto self = world::make_self_communicator();
  const Weights whole = trained(problem, *self);
  problem.config.deterministic_shards = 8;
  for (const auto& [name, values] : trained(problem, *self))
    EXPECT_LT(relative_difference(values, whole.at(name)), 1e-4) << name;
}

TEST(DeterministicShards, WhatCouplesTheWholeBatchIsRefused) {
  Problem problem = image_gan();  // batch norm over all ranks
  problem.config.deterministic_shards = 8;
  problem.config.batch = 32;
  const auto self = world::make_self_communicator();
  try {
    trained(problem, *self);
    FAIL() << "statistics over all ranks were taken of a shard";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_NE(std::string(error.what()).find("deterministic_shards"), std::string::npos);
  }
}

TEST(TreeSum, AddsAsABinaryTreeWhoseNodesCanBeAddedElsewhere) {
  // In float, 1e8 + 4 + 4 is 1e8 + 8 only when the fours are added first.
  const auto scalar = [](double value) { return at::full({1}, value, at::kFloat); };
  gradients::TreeSum all, left, right;
  for (const double x : {1e8, 0.0, 4.0, 4.0}) all.push(scalar(x));
  EXPECT_EQ(all.take().item<float>(), 100'000'008.0F);
  for (const double x : {1e8, 0.0}) left.push(scalar(x));
  for (const double x : {4.0, 4.0}) right.push(scalar(x));
  EXPECT_EQ(left.take().item<float>() + right.take().item<float>(), 100'000'008.0F);
  EXPECT_EQ((1e8F + 4.0F) + 4.0F, 1e8F);  // one after the other loses them
  for (int i = 0; i < 3; ++i) all.push(scalar(i));
  EXPECT_THROW(all.take(), Error);
}

}  // namespace
}  // namespace allmodes::training
