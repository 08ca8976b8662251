// The penalties of a GAN's discriminator as terms of its phases, in double precision: their
// weights, their intervals, and the scores that they share with the loss.

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <tuple>

#include "ranks/objective_fixture.h"
#include "ranks/small_gan.h"

namespace allmodes::objectives {
namespace {

using small::real;
using small::small_gan;
using testing::DoubleFamily;

double number_in(const at::Tensor& scalar) {
  return scalar.item<double>();
}

// The batch of the small family is that of a RunConfig by default.
TEST(GanPhases, APenaltysWeightIsAnnealedOverTheSamplesSeen) {
  const int64_t batch = config::RunConfig{}.batch;
  config::Gan gan = small_gan();
  gan.penalty = {
      {.kind = "r1", .weight = 2, .anneal_samples = 10 * batch, .last_weight = 0.5},
      {.kind = "r2", .weight = 3, .interval = 2, .anneal_samples = 10 * batch, .last_weight = 0}};
  DoubleFamily family(gan, 3);
  for (const auto& [step, r1, r2] : {std::tuple{0, 2.0, 3.0}, {5, 1.25, 1.5}, {30, 0.5, 0.0}}) {
    family.step = static_cast<uint64_t>(step);
    const auto weight = [&](const char* name, size_t term) {
      const Phase& phase = family.phase(name);
      const LossTerm found = phase.losses(family.input(phase, real())).losses[term];
      return found.weight * number_in(found.factor);
    };
    EXPECT_NEAR(weight("discriminator", 1), r1, 1e-12) << step;
    EXPECT_NEAR(weight("r2", 0), 2 * r2, 1e-12) << step;
  }
}

// Where everything is computed in one precision the penalties take the scores of the loss; their
// gradients are those of a pass of their own.
TEST(GanPhases, PenaltiesThatTakeTheScoresOfTheLossHaveTheSameGradient) {
  config::Gan gan = small_gan();
  gan.loss = "relativistic";
  gan.penalty = {{.kind = "r1", .weight = 2}, {.kind = "r2", .weight = 0.7}};
  DoubleFamily family(gan, 3);
  const Phase& phase = family.phase("discriminator");
  auto& weights = family.weights("discriminator");
  for (auto& weight : weights) weight.requires_grad_(true);
  const auto gradient = [&](bool apart) {
    PhaseInput in = family.input(phase, real());
    int calls = 0;
    const Forward all = in.forward;
    const auto run = [&](const std::string& network, const at::Tensor& x, const at::Tensor& labels,
                         std::span<const at::Tensor> own) {
      calls += network == "discriminator" ? 1 : 0;
      return all.with(network, own, x, labels);
    };
    in.forward = Forward(run, {}, apart ? Forward::Run(run) : Forward::Run());
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (const auto& term : phase.losses(in).losses) sum = sum + term.weighted();
    EXPECT_EQ(calls, apart ? 4 : 2);
    return torch::autograd::grad({sum}, weights, {}, {}, false, /*allow_unused=*/true);
  };
  const auto together = gradient(false), apart = gradient(true);
  for (size_t i = 0; i < weights.size(); ++i) {
    ASSERT_EQ(together[i].defined(), apart[i].defined());
    if (!apart[i].defined()) continue;
    EXPECT_LT((together[i] - apart[i]).abs().max().item<double>(), 1e-12) << i;
    // Of the last bias it is 0: the loss is of differences of scores.
    if (i + 1 < weights.size()) {
      EXPECT_GT(apart[i].abs().max().item<double>(), 0) << i;
    }
  }
}

TEST(GanPhases, ALazyPenaltyHasItsIntervalTimesTheWeight) {
  config::Gan gan = small_gan();
  gan.penalty = {{.kind = "r1", .weight = 3, .interval = 4}, {.kind = "gradient_penalty"}};
  DoubleFamily family(gan, 3);
  const Phase& lazy = family.phase("r1");
  EXPECT_EQ(lazy.interval, 4);
  EXPECT_FALSE(lazy.reads_samples);
  const auto terms = lazy.losses(family.input(lazy, real())).losses;
  ASSERT_EQ(terms.size(), 1U);
  EXPECT_EQ(terms[0].weight, 12.0);
  const Phase& discriminator = family.phase("discriminator");
  EXPECT_EQ(discriminator.losses(family.input(discriminator, real())).losses.size(), 2U);
}

}  // namespace
}  // namespace allmodes::objectives
