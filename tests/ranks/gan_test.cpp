// A GAN's phases, in double precision: gradients against finite differences of the whole loss, and
// what each remedy makes of it.

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

#include "objectives/adversary.h"
#include "ranks/objective_fixture.h"
#include "ranks/small_gan.h"
#include "ranks/training_fixture.h"

namespace allmodes::objectives {
namespace {

using small::real;
using small::small_gan;
using testing::DoubleFamily;
using testing::draw;
using testing::expect_gradient_of_finite_differences;
using testing::list;

double value(const at::Tensor& scalar) {
  return scalar.item<double>();
}

TEST(GanGradients, AreThoseOfTheWholeLossForEveryLoss) {
  for (const auto& [name, loss] : gan_losses()) {
    SCOPED_TRACE(name);
    config::Gan gan = small_gan();
    gan.loss = name;
    DoubleFamily family(gan, 3);
    expect_gradient_of_finite_differences(family, "discriminator", real());
    expect_gradient_of_finite_differences(family, "generator", real());
  }
}

TEST(GanGradients, OfPenaltiesAreOfSecondOrder) {
  for (const auto& [kind, penalty] : penalties()) {
    SCOPED_TRACE(kind);
    config::Gan gan = small_gan();
    gan.penalty = {{.kind = kind, .weight = 3}};
    DoubleFamily together(gan, 3);
    expect_gradient_of_finite_differences(together, "discriminator", real());
    gan.penalty[0].interval = 4;
    gan.packing = 2;
    DoubleFamily lazy(gan, 3);
    expect_gradient_of_finite_differences(lazy, kind, real());
  }
}

TEST(GanGradients, GoThroughEveryUnrolledStep) {
  for (const int64_t steps : {1, 2}) {
    for (const auto loss : {"non_saturating", "relativistic", "f_kl"}) {
      SCOPED_TRACE(fmt::format("{} steps of {}", steps, loss));
      config::Gan gan = small_gan();
      gan.loss = loss;
      gan.unrolled_steps = steps;
      gan.discriminator_optimizer.learning_rate = 0.5 / kUnrolledRateFactor;
      DoubleFamily family(gan, 3);
      expect_gradient_of_finite_differences(family, "generator", real());
    }
  }
}

TEST(GanGradients, GoThroughThePenaltiesOfUnrolledSteps) {
  for (const auto& [kind, penalty] : penalties()) {
    SCOPED_TRACE(kind);
    config::Gan gan = small_gan();
    gan.unrolled_steps = 2;
    gan.penalty = {{.kind = kind, .weight = 2}};
    gan.discriminator_optimizer.learning_rate = 0.5 / kUnrolledRateFactor;
    DoubleFamily family(gan, 3);
    expect_gradient_of_finite_differences(family, "generator", real());
  }
}

TEST(GanGradients, GoThroughEveryRemedyAtOnce) {
  config::Gan gan = small_gan();
  gan.packing = 2;
  gan.label_smoothing = 0.1;
  gan.instance_noise = 0.3;
  gan.mode_seeking = 0.5;
  gan.unrolled_steps = 1;
  gan.penalty = {{.kind = "dragan"}, {.kind = "gradient_penalty"}};
  DoubleFamily family(gan, 3);
  expect_gradient_of_finite_differences(family, "discriminator", real());
  expect_gradient_of_finite_differences(family, "generator", real());
}

// With D(x) = w.x + b and the Wasserstein loss, a simulated step adds rate (mean x - mean G(z)) to
// w.
TEST(UnrolledSteps, OfALinearDiscriminatorFollowTheClosedForm) {
  constexpr double kRate = 0.7;
  for (const int64_t steps : {1, 3}) {
    config::Gan gan = small_gan();
    gan.loss = "wasserstein";
    gan.discriminator.layers = {{config::Linear{.units = 1}}};
    gan.unrolled_steps = steps;
    gan.discriminator_optimizer.learning_rate = kRate / kUnrolledRateFactor;
    DoubleFamily family(gan, 3);
    const Phase& phase = family.phase("generator");
    const PhaseInput in = family.input(phase, real());
    const auto x = list(in.samples), fake = list(family.forward("generator", in.noise("latent")));
    const auto w = list(family.weights("discriminator")[0]);
    double loss = -list(family.weights("discriminator")[1])[0];
    for (size_t j = 0; j < 3; ++j) {
      double mean_real = 0, mean_fake = 0;
      for (size_t i = 0; i < 6; ++i) {
        mean_real += x[3 * i + j] / 6;
        mean_fake += fake[3 * i + j] / 6;
      }
      loss -= (w[j] + static_cast<double>(steps) * kRate * (mean_real - mean_fake)) * mean_fake;
    }
    EXPECT_NEAR(value(phase.losses(in).losses[0].value), loss, 1e-12) << steps;
  }
}

TEST(UnrolledSteps, LeaveTheDiscriminatorAsItIs) {
  config::Gan gan = small_gan();
  gan.unrolled_steps = 3;
  gan.discriminator_optimizer.learning_rate = 0.01;
  DoubleFamily family(gan, 3);
  std::vector<std::vector<double>> before;
  for (const at::Tensor& weight : family.weights("discriminator")) before.push_back(list(weight));
  for (at::Tensor& weight : family.weights("generator")) weight.requires_grad_(true);
  gradients::backward(family.total(family.phase("generator"), real()));
  for (size_t i = 0; i < before.size(); ++i) {
    const at::Tensor& weight = family.weights("discriminator")[i];
    EXPECT_EQ(list(weight), before[i]);
    EXPECT_FALSE(weight.grad().defined());
    EXPECT_FALSE(weight.requires_grad());
  }
}

// With a layer that sees the whole batch, reals and fakes are batches of their own.
TEST(Discriminator, SeesRealsAndFakesApartWhereTheBatchMatters) {
  for (const bool matters : {true, false}) {
    config::Gan gan = small_gan();
    gan.discriminator.layers = {{config::Linear{.units = 4}}, {config::Linear{.units = 1}}};
    if (matters)
      gan.discriminator.layers.insert(gan.discriminator.layers.begin() + 1,
                                      {config::MinibatchDiscrimination{.features = 2}});
    DoubleFamily family(gan, 3);
    const Phase& phase = family.phase("discriminator");
    const PhaseInput in = family.input(phase, real());
    const at::Tensor fake = family.forward("generator", in.noise("latent"));
    const auto loss = [&](const at::Tensor& r, const at::Tensor& f) {
      return value((r.neg().exp().log1p() + f.exp().log1p()).mean());
    };
    const double apart =
        loss(family.forward("discriminator", in.samples), family.forward("discriminator", fake));
    const auto both = family.forward("discriminator", at::cat({in.samples, fake})).chunk(2);
    EXPECT_NEAR(value(phase.losses(in).losses[0].value), apart, 1e-12);
    EXPECT_EQ(std::abs(loss(both[0], both[1]) - apart) > 1e-6, matters);
  }
}

TEST(Packing, GivesTheDiscriminatorConsecutiveSamplesSideBySide) {
  config::Gan gan = small_gan();
  gan.packing = 3;
  DoubleFamily family(gan, 3);
  EXPECT_EQ(family.objective().networks()[1].plan.input, networks::Shape{9});
  EXPECT_EQ(family.objective().networks()[0].plan.output, networks::Shape{3});
  const Phase& phase = family.phase("discriminator");
  const PhaseInput in = family.input(phase, real());
  const at::Tensor fake = family.forward("generator", in.noise("latent"));
  const auto r = list(family.forward("discriminator", in.samples.view({2, 9})));
  const auto f = list(family.forward("discriminator", fake.view({2, 9})));
  double loss = 0;
  for (size_t i = 0; i < 2; ++i)
    loss += (std::log1p(std::exp(-r[i])) + std::log1p(std::exp(f[i]))) / 2;
  EXPECT_NEAR(value(phase.losses(in).losses[0].value), loss, 1e-12);
}

TEST(Packing, PutsTheChannelsOfImagesSideBySide) {
  const at::Tensor images = draw({4, 2, 3, 5}, "images");
  const at::Tensor packed = pack(images, 2);
  EXPECT_EQ(packed.sizes(), (at::IntArrayRef{2, 4, 3, 5}));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_TRUE(packed.select(0, i).narrow(0, 2 * j, 2).equal(images.select(0, 2 * i + j)));
  config::Adversarial four;
  four.packing = 4;
  EXPECT_EQ(shown_shape(four, {3, 32, 32}), (networks::Shape{12, 32, 32}));
}

// A penalty is taken at packed points: the squared gradient in all of a pack's values together.
TEST(Packing, HoldsForThePointsOfAPenalty) {
  config::Gan gan = small_gan();
  gan.packing = 2;
  gan.penalty = {{.kind = "r1"}};
  gan.discriminator.layers = {{config::Linear{.units = 1}}};
  DoubleFamily family(gan, 3);
  double square = 0;
  const auto w = list(family.weights("discriminator")[0]);
  EXPECT_EQ(w.size(), 6U);
  for (const double x : w) square += x * x;
  const Phase& phase = family.phase("discriminator");
  EXPECT_NEAR(value(phase.losses(family.input(phase, real())).losses[1].value), square / 2, 1e-12);
}

TEST(ModeSeeking, IsItsFormulaOverConsecutivePairs) {
  config::Gan gan = small_gan();
  gan.mode_seeking = 0.25;
  DoubleFamily family(gan, 3);
  const Phase& phase = family.phase("generator");
  const PhaseInput in = family.input(phase, real());
  const auto z = list(in.noise("latent")),
             x = list(family.forward("generator", in.noise("latent")));
  double samples = 0, latents = 0;
  for (size_t pair = 0; pair < 3; ++pair) {
    for (size_t j = 0; j < 3; ++j) samples += std::abs(x[6 * pair + j] - x[6 * pair + 3 + j]) / 9;
    for (size_t j = 0; j < 2; ++j) latents += std::abs(z[4 * pair + j] - z[4 * pair + 2 + j]) / 6;
  }
  const auto terms = phase.losses(in).losses;
  ASSERT_EQ(terms.size(), 2U);
  EXPECT_EQ(terms[1].name, "mode_seeking");
  EXPECT_EQ(terms[1].weight, 0.25);
  EXPECT_NEAR(value(terms[1].value), 1 / (samples / latents + 1e-5), 1e-12);
}

TEST(GanPhases, SeveralDiscriminatorStepsReadABatchEachUnderNamesOfTheirOwn) {
  config::Gan gan = small_gan();
  gan.discriminator_steps = 3;
  const DoubleFamily family(gan, 3);
  std::vector<std::string> names;
  int reads = 0;
  for (const Phase& phase : family.objective().phases()) {
    names.push_back(phase.name);
    reads += phase.reads_samples ? 1 : 0;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"discriminator_0", "discriminator_1", "discriminator",
                                             "generator"}));
  // A phase's name is part of its noise's.
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 4U);
  EXPECT_EQ(reads, 3);
}

TEST(GanPhases, SeveralGeneratorStepsFollowTheDiscriminatorOnItsBatchWithNoiseOfTheirOwn) {
  testing::Problem problem = testing::ring_gan();
  problem.gan().generator_steps = 2;
  const auto self = world::make_self_communicator();
  testing::RankTrainer trainer(problem, *self);
  std::vector<std::string> names;
  for (const auto& phase : trainer.objective().phases()) names.push_back(phase.name);
  EXPECT_EQ(names, (std::vector<std::string>{"discriminator", "generator_0", "generator"}));
  for (size_t i = 1; i < 3; ++i) EXPECT_FALSE(trainer.objective().phases()[i].reads_samples);
  trainer.step(0);
  EXPECT_EQ(trainer.model().at("generator").optimizer->updates().item<double>(), 2);
  EXPECT_EQ(trainer.model().at("discriminator").optimizer->updates().item<double>(), 1);
}

TEST(GanPhases, WeightsAreClippedWhereTheDiscriminatorIsTrained) {
  config::Gan gan = small_gan();
  gan.weight_clip = 0.02;
  gan.discriminator_steps = 2;
  gan.penalty = {{.kind = "r1", .interval = 2}};
  const DoubleFamily family(gan, 3);
  for (const Phase& phase : family.objective().phases())
    EXPECT_EQ(phase.clip_weights, phase.name == "generator" ? 0 : 0.02) << phase.name;
}

TEST(GanPhases, TheDiscriminatorsLossLeavesTheGeneratorAlone) {
  DoubleFamily family(small_gan(), 3);
  for (at::Tensor& weight : family.weights("generator")) weight.requires_grad_(true);
  for (at::Tensor& weight : family.weights("discriminator")) weight.requires_grad_(true);
  gradients::backward(family.total(family.phase("discriminator"), real()));
  for (const at::Tensor& weight : family.weights("generator"))
    EXPECT_FALSE(weight.grad().defined());
}

TEST(GanPhases, ASmoothedLabelReachesTheLoss) {
  config::Gan gan = small_gan();
  gan.loss = "least_squares";
  gan.label_smoothing = 0.25;
  DoubleFamily family(gan, 3);
  const Phase& phase = family.phase("discriminator");
  const PhaseInput in = family.input(phase, real());
  const auto r = list(family.forward("discriminator", in.samples));
  const auto f =
      list(family.forward("discriminator", family.forward("generator", in.noise("latent"))));
  double loss = 0;
  for (size_t i = 0; i < 6; ++i) loss += ((r[i] - 0.75) * (r[i] - 0.75) + f[i] * f[i]) / 12;
  EXPECT_NEAR(value(phase.losses(in).losses[0].value), loss, 1e-12);
}

std::vector<std::string> refused_paths(const config::Gan& gan, const DataFacts& data) {
  config::RunConfig config;
  config.family = gan;
  std::vector<ConfigurationError> errors;
  std::vector<std::string> paths;
  const auto objective = make_objective(config, data, errors);
  EXPECT_EQ(objective == nullptr, !errors.empty());
  for (const auto& error : errors) paths.push_back(error.path);
  return paths;
}

TEST(GanChecks, RefuseWhatHasNoMeaningAtItsPlace) {
  using Paths = std::vector<std::string>;
  const DataFacts points{.shape = {.channels = 3}};
  const DataFacts images{.shape = {.channels = 3, .height = 16, .width = 16, .image = true},
                         .classes = 10};
  config::Gan gan = small_gan();
  gan.label_smoothing = 0.1;
  EXPECT_EQ(refused_paths(gan, points), Paths{});
  gan.loss = "hinge";
  EXPECT_EQ(refused_paths(gan, points), Paths{"gan.label_smoothing"});
  gan = small_gan();
  gan.augment = "color, translation,cutout";
  EXPECT_EQ(refused_paths(gan, images), Paths{});
  EXPECT_EQ(refused_paths(gan, points), Paths{"gan.augment"});
  gan.augment = "colour";
  EXPECT_EQ(refused_paths(gan, images), Paths{"gan.augment"});
  gan = small_gan();
  gan.conditioning = "concatenation";
  EXPECT_EQ(refused_paths(gan, points)[0], "gan.conditioning");
  gan.generator.layers = {{config::Linear{.units = 3}}};
  gan.discriminator.layers = {{config::Linear{.units = 1}}};
  const DataFacts labelled{.shape = {.channels = 3}, .classes = 4};
  EXPECT_EQ(refused_paths(gan, labelled),
            (Paths{"gan.generator.layers", "gan.discriminator.layers"}));
}

}  // namespace
}  // namespace allmodes::objectives
