// Likelihoods and the VAE, in double precision, against formulas written out by hand and against
// finite differences of the whole loss; and what is refused.

#include "objectives/objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cmath>

#include "objectives/registry.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::draw;
using testing::expect_gradient_of_finite_differences;
using testing::list;
using Family = testing::DoubleFamily;

double value(const at::Tensor& scalar) {
  return scalar.item<double>();
}

TEST(Likelihoods, AreTheirFormulas) {
  const at::Tensor output = draw({4, 6}, "output") * 2;
  const at::Tensor samples = draw({4, 6}, "samples", /*uniform=*/true) * 2 - 1;
  const auto o = list(output), s = list(samples);
  double bernoulli = 0, gaussian = 0;
  for (size_t i = 0; i < o.size(); ++i) {
    const double p = 1 / (1 + std::exp(-o[i])), t = (s[i] + 1) / 2;
    bernoulli -= (t * std::log(p) + (1 - t) * std::log(1 - p)) / 4;
    gaussian += (o[i] - s[i]) * (o[i] - s[i]) / (2 * 0.3 * 4);
  }
  EXPECT_NEAR(value(likelihoods().at("bernoulli").negative_log(output, samples, 1).mean()),
              bernoulli, 1e-11);
  EXPECT_NEAR(value(likelihoods().at("gaussian").negative_log(output, samples, 0.3).mean()),
              gaussian, 1e-11);
  EXPECT_NEAR(list(likelihoods().at("bernoulli").mean(output))[3], 2 / (1 + std::exp(-o[3])) - 1,
              1e-12);
}

config::Gan small_gan() {
  config::Gan gan;
  gan.latent.dimension = 2;
  gan.generator = {.width = 4, .depth = 1, .activation = "tanh"};
  gan.discriminator = {.width = 4, .depth = 2, .activation = "tanh"};
  return gan;
}

config::Vae small_vae() {
  config::Vae vae;
  vae.latent.dimension = 2;
  vae.encoder = {.width = 4, .depth = 1, .activation = "tanh"};
  vae.decoder = {.width = 4, .depth = 1, .activation = "tanh"};
  vae.likelihood = "gaussian";
  vae.variance = 0.4;
  vae.beta = 2.5;
  return vae;
}

// E_q[-ln p(x|z)] + beta KL(q || N(0, I)) with z = mu + sigma * noise, by plain loops.
TEST(VaeLoss, IsItsFormula) {
  Family family(small_vae(), 3);
  const at::Tensor x = draw({5, 3}, "x");
  const Phase& phase = family.phase("elbo");
  const PhaseInput in = family.input(phase, x);
  const auto q = list(family.forward("encoder", x));
  const auto noise = list(in.noise("posterior"));
  const at::Tensor z = at::empty({5, 2}, at::TensorOptions().dtype(at::kDouble));
  double kl = 0;
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < 2; ++j) {
      const double mu = q[4 * i + j], log_variance = q[4 * i + 2 + j];
      kl += 0.5 * (mu * mu + std::exp(log_variance) - log_variance - 1) / 5;
      z.data_ptr<double>()[2 * i + j] = mu + std::exp(0.5 * log_variance) * noise[2 * i + j];
    }
  }
  const auto output = list(family.forward("decoder", z)), samples = list(x);
  double reconstruction = 0;
  for (size_t i = 0; i < output.size(); ++i)
    reconstruction += std::pow(output[i] - samples[i], 2) / (2 * 0.4 * 5);
  const auto terms = phase.losses(in).losses;
  ASSERT_EQ(terms.size(), 2U);
  EXPECT_NEAR(value(terms[0].value), reconstruction, 1e-12);
  EXPECT_EQ(terms[0].weight, 1.0);
  EXPECT_NEAR(value(terms[1].value), kl, 1e-12);
  EXPECT_EQ(terms[1].weight, 2.5);
}

TEST(VaeGradients, AreThoseOfTheWholeLoss) {
  Family family(small_vae(), 3);
  expect_gradient_of_finite_differences(family, "elbo", draw({5, 3}, "x"));
}

TEST(MakeObjective, NamesEveryPlaceThatItRefuses) {
  config::Gan gan = small_gan();
  gan.loss = "hinged";
  gan.penalty.resize(2);
  gan.penalty[1].kind = "r3";
  gan.discriminator.layers = {{config::Linear{.units = 2}}};
  config::RunConfig config;
  config.family = gan;
  std::vector<ConfigurationError> errors;
  EXPECT_EQ(make_objective(config, {.shape = {.channels = 3}}, errors), nullptr);
  std::vector<std::string> paths;
  for (const auto& error : errors) paths.push_back(error.path);
  EXPECT_EQ(paths,
            (std::vector<std::string>{"gan.loss", "gan.penalty[1].kind", "gan.discriminator"}));
}

}  // namespace
}  // namespace allmodes::objectives
