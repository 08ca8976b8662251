// Densities fitted to a known mixture: the losses against quadrature and finite differences, what
// they generate, and that training ends where quadrature says.

#include "objectives/fit.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "objectives/density_fit.h"
#include "ranks/gradients_over_ranks.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using objectives::PlaneMixture;
using testing::DoubleFamily;
using testing::draw;
using testing::list;
using testing::Problem;
using testing::RankTrainer;

data::Mixture two_modes(double a, double weight = 0.5, double std = 1) {
  return {{{-a, 0}, {a, 0}}, {std, std}, {weight, 1 - weight}};
}

PlaneMixture plane(const data::Mixture& mixture) {
  PlaneMixture made{mixture.means, {}, mixture.weights};
  for (const double std : mixture.stds) made.deviations.push_back({std, std});
  return made;
}

PlaneMixture plane(const GaussianMixture& q) {
  PlaneMixture made;
  const auto means = list(q.means.to(at::kDouble));
  const auto deviations = list(q.log_deviations.exp().to(at::kDouble));
  for (size_t k = 0; 2 * k < means.size(); ++k) {
    made.means.push_back({means[2 * k], means[2 * k + 1]});
    made.deviations.push_back({deviations[2 * k], deviations[2 * k + 1]});
  }
  made.weights = list(q.log_weights.exp().to(at::kDouble));
  return made;
}

config::Fit fit_of(const std::string& divergence, int64_t components) {
  config::Fit fit;
  fit.divergence = divergence;
  fit.components = components;
  fit.spread = 1.5;
  return fit;
}

// A family in double precision with samples of its mixture.
struct Case {
  data::Mixture mixture = two_modes(1.2, 0.3, 0.7);
  DoubleFamily family;
  at::Tensor samples;

  Case(const std::string& divergence, int64_t components, int64_t count)
      : family(fit_of(divergence, components),
               DataFacts{.shape = {.channels = 2}, .classes = 2, .mixture = &mixture}) {
    const at::Tensor points = at::empty({count, 2}, at::kFloat);
    const at::Tensor labels = at::empty({count}, at::kLong);
    sample_mixture(mixture, 7, 0, count, points.data_ptr<float>(), labels.data_ptr<int64_t>());
    samples = points.to(at::kDouble);
    family.labels = labels;
  }

  PlaneMixture fitted() {
    const Phase& phase = family.phase("density");
    return plane(
        fitted_mixture(family.input(phase, samples).forward,
                       fit_of("", static_cast<int64_t>(family.weights("density")[0].size(0) / 5)),
                       samples.options()));
  }
};

TEST(FitLosses, AreTheDivergencesThatQuadratureFinds) {
  for (const char* divergence : {"forward_kl", "reverse_kl", "jensen_shannon"}) {
    for (const int64_t components : {1, 3}) {
      Case test(divergence, components, 20000);
      const double found =
          test.family.total(test.family.phase("density"), test.samples).item<double>();
      const double exact = objectives::divergence(divergence, plane(test.mixture), test.fitted());
      EXPECT_GT(exact, 0.02);
      EXPECT_NEAR(found, exact, 0.02 * exact + 2e-3) << divergence << " of " << components;
    }
  }
}

TEST(FitLosses, HaveTheGradientOfTheWholeLoss) {
  for (const char* divergence : {"forward_kl", "reverse_kl", "jensen_shannon"}) {
    for (const int64_t components : {1, 3}) {
      SCOPED_TRACE(divergence);
      Case test(divergence, components, 12);
      testing::expect_gradient_of_finite_differences(test.family, "density", test.samples);
    }
  }
}

// The batch's shares of the modes are replaced by the true ones, and every sample comes with its
// quarter turns: the mean of what is linear in x is exact for any batch.
TEST(FitLosses, OfTheForwardKlHaveNoNoiseInTheMean) {
  Case test("forward_kl", 1, 40);
  at::Tensor& weight = test.family.weights("density")[0];  // means / spread, log deviations, logit
  weight.zero_();
  weight.requires_grad_(true);
  gradients::backward(test.family.total(test.family.phase("density"), test.samples));
  // d/dm of -E ln N(x; m, 1) at m = 0 is -E x.
  const auto gradient = list(weight.grad());
  EXPECT_NEAR(gradient[0], -1.5 * (0.3 * -1.2 + 0.7 * 1.2), 1e-12);
  EXPECT_NEAR(gradient[1], 0, 1e-12);
}

TEST(FitDensity, IsTheMixtureItsParametersSay) {
  Case test("forward_kl", 3, 5);
  const PlaneMixture q = test.fitted();
  const PhaseInput in = test.family.input(test.family.phase("density"), test.samples);
  const auto found = list(
      log_density(fitted_mixture(in.forward, fit_of("", 3), test.samples.options()), test.samples));
  const auto points = list(test.samples);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], objectives::log_density(q, points[2 * i], points[2 * i + 1]), 1e-12);
}

TEST(FitGenerator, DrawsComponentsByTheirWeightsAndPlacesByTheirMoments) {
  Case test("forward_kl", 3, 5);
  const PlaneMixture q = test.fitted();
  constexpr int64_t kCount = 200000;
  const PhaseInput in = test.family.input(test.family.phase("density"), test.samples);
  const at::Tensor x =
      test.family.objective().generate(in.forward, draw({kCount, 3}, "latent"), {});
  std::array<double, 2> mean{}, square{};
  for (size_t k = 0; k < 3; ++k) {
    for (size_t axis = 0; axis < 2; ++axis) {
      mean[axis] += q.weights[k] * q.means[k][axis];
      square[axis] +=
          q.weights[k] * (std::pow(q.means[k][axis], 2) + std::pow(q.deviations[k][axis], 2));
    }
  }
  for (int64_t axis = 0; axis < 2; ++axis) {
    const auto at_axis = static_cast<size_t>(axis);
    const double deviation = std::sqrt(square[at_axis]);
    EXPECT_NEAR(x.select(1, axis).mean().item<double>(), mean[at_axis], 0.01 * deviation);
    EXPECT_NEAR(x.select(1, axis).square().mean().item<double>(), square[at_axis],
                0.02 * square[at_axis]);
  }
}

Problem problem_of(const std::string& divergence, const data::Mixture& mixture, int64_t samples) {
  config::RunConfig config = testing::short_run(4, 1024, 600);
  config::Fit fit = fit_of(divergence, 1);
  fit.optimizer = {
      .learning_rate = 5e-2, .beta1 = 0.9, .beta2 = 0.99, .decay = "cosine", .ema_decay = 0.98};
  config.family = fit;
  return {config, data::make_mixture_dataset("mixture", mixture, samples, 4)};
}

PlaneMixture train(const Problem& problem) {
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  for (int64_t step = 0; step < problem.config.steps; ++step)
    trainer.step(static_cast<uint64_t>(step));
  const at::NoGradGuard no_grad;
  return plane(fitted_mixture(trainer.model().evaluation_forward(),
                              std::get<config::Fit>(problem.config.family), at::kFloat));
}

TEST(FitTraining, EndsAtTheOptimumOfQuadrature) {
  for (const char* divergence : {"forward_kl", "reverse_kl", "jensen_shannon"}) {
    const data::Mixture mixture = two_modes(2.0, 0.4, 0.5);
    const PlaneMixture found = train(problem_of(divergence, mixture, 400'000));
    const PlaneMixture best = objectives::best_gaussian(divergence, plane(mixture), found);
    EXPECT_LT(objectives::largest_difference(found, best), 6e-3) << divergence;
  }
}

TEST(FitTraining, TheForwardKlCoversAndTheReverseKlSeeksOneMode) {
  const data::Mixture mixture = two_modes(3.5);
  const PlaneMixture forward = train(problem_of("forward_kl", mixture, 200'000));
  EXPECT_NEAR(forward.means[0][0], 0, 0.03);
  EXPECT_NEAR(forward.deviations[0][0], std::sqrt(1 + 3.5 * 3.5), 0.03);
  const PlaneMixture reverse = train(problem_of("reverse_kl", mixture, 200'000));
  EXPECT_NEAR(std::abs(reverse.means[0][0]), 3.5, 0.03);
  EXPECT_NEAR(reverse.deviations[0][0], 1, 0.03);
  EXPECT_NEAR(objectives::divergence("reverse_kl", plane(mixture), reverse), std::numbers::ln2,
              5e-3);
}

TEST(FitOverRanks, HasTheGradientOfTheWholeBatch) {
  for (const char* divergence : {"forward_kl", "reverse_kl", "jensen_shannon"}) {
    SCOPED_TRACE(divergence);
    Problem problem = problem_of(divergence, two_modes(2, 0.3), 1000);
    std::get<config::Fit>(problem.config.family).components = 2;
    problem.config.batch = 64;
    testing::expect_gradient_of_the_whole_batch(problem, 1);
  }
}

TEST(FitChecks, RefuseDataWhoseDensityIsNotKnown) {
  config::RunConfig config;
  config.family = fit_of("forward_kl", 1);
  std::vector<ConfigurationError> errors;
  EXPECT_EQ(make_objective(config, {.shape = {.channels = 2}}, errors), nullptr);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].path, "fit");
}

}  // namespace
}  // namespace allmodes::objectives
