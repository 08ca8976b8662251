// First stages on several ranks: the codebook and its restarts the same on any number of them, the
// adaptive weight from the gradients of the whole batch, and when the discriminator takes part.

#include <gtest/gtest.h>

#include "objectives/adversary.h"
#include "objectives/quantizer.h"
#include "ranks/first_stage_problem.h"
#include "ranks/gradients_over_ranks.h"
#include "training/snapshot.h"

namespace allmodes::objectives {
namespace {

using testing::family_of;
using testing::first_stage;
using testing::Floats;
using testing::joined;
using testing::on_ranks;
using testing::Problem;
using testing::RankTrainer;

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
    family_of(problem).adversarial_weight = 0.5;
    family_of(problem).adaptive_weight = false;
    family_of(problem).discriminator_start = 2;
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

// Without shards, to rounding: sums of a batch are added in another order.
TEST(CodebookOverRanks, IsTheSameToRoundingOfWholeBatches) {
  for (const std::string codebook : {"gradient", "ema"}) {
    Problem problem = first_stage("vq");
    family_of(problem).codebook = codebook;
    family_of(problem).restart_below = 2;
    Floats alone;
    for (const int size : testing::kRankCounts) {
      const auto books = on_ranks<Floats>(size, [&](world::Communicator& group) {
        RankTrainer trainer(problem, group);
        for (uint64_t step = 0; step < 3; ++step) trainer.step(step);
        const auto& flat = trainer.model().at(kCodebook).flat;
        Floats all = joined(flat.parameter_views);
        for (const auto& buffer : flat.buffer_views) {
          const Floats part = joined({buffer});
          all.insert(all.end(), part.begin(), part.end());
        }
        return all;
      });
      for (const auto& book : books) EXPECT_EQ(book, books[0]);
      if (size == 1) alone = books[0];
      EXPECT_LT(testing::relative_difference(books[0], alone), 1e-4) << size << codebook;
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

TEST(FirstStageOverRanks, LfqHasTheEntropyOfTheWholeBatch) {
  testing::expect_gradient_of_the_whole_batch(first_stage("lfq"), 1);
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
