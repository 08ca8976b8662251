// Likelihoods and the VAE, in double precision, against formulas written out by hand and against
// finite differences of the whole loss; and what is refused.

#include "objectives/objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "gradients/gradient_hooks.h"
#include "networks/forward.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

at::Tensor draw(std::vector<int64_t> shape, const char* purpose, bool uniform = false) {
  const at::Tensor values = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  const NoiseKey key{.seed = 21, .purpose = Purpose(purpose)};
  (uniform ? fill_uniform : fill_normal)(key, 0, 1, values.numel(), values.data_ptr<float>());
  return values.to(at::kDouble);
}

std::vector<double> list(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

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

// A family with double-precision weights of its own.
class Family {
 public:
  Family(const config::Family& family, int64_t values) {
    config::RunConfig config;
    config.family = family;
    std::vector<ConfigurationError> errors;
    objective_ = make_objective(config, {.shape = {.channels = values}}, errors);
    for (const auto& error : errors) ADD_FAILURE() << error.path << ": " << error.message;
    for (const auto& spec : objective_->networks()) {
      auto& weights = weights_[spec.name];
      for (const auto& parameter : spec.plan.parameters)
        weights.push_back(draw(parameter.shape, (spec.name + parameter.name).c_str()) * 0.5);
    }
  }

  const Phase& phase(const std::string& name) const {
    for (const Phase& phase : objective_->phases())
      if (phase.name == name) return phase;
    throw std::runtime_error("no phase " + name);
  }

  PhaseInput input(const Phase& phase, const at::Tensor& samples) {
    PhaseInput in{samples, {}, {}, runner()};
    for (const auto& noise : phase.noise) {
      std::vector<int64_t> shape = noise.shape;
      shape.insert(shape.begin(), samples.size(0));
      in.noises.emplace_back(noise.name, draw(shape, (noise.name + phase.name).c_str(),
                                              noise.distribution != "normal"));
    }
    return in;
  }

  at::Tensor total(const Phase& phase, const at::Tensor& samples) {
    at::Tensor sum;
    for (const auto& term : phase.losses(input(phase, samples)).losses) {
      const at::Tensor weighted = term.value * term.weight;
      sum = sum.defined() ? sum + weighted : weighted;
    }
    return sum;
  }

  at::Tensor forward(const std::string& network, const at::Tensor& x) {
    return runner()(network, x);
  }

  Forward runner() {
    return {[this](const std::string& network, const at::Tensor& x, const at::Tensor& labels,
                   std::span<const at::Tensor> weights) {
              networks::Context context{.training = true, .labels = labels};
              for (const auto& spec : objective_->networks())
                if (spec.name == network)
                  return networks::forward(
                      spec.plan, weights.empty() ? weights_.at(network) : weights, {}, x, context);
              throw std::runtime_error("no network " + network);
            },
            [this](const std::string& network) -> std::span<const at::Tensor> {
              return weights_.at(network);
            }};
  }

  std::vector<at::Tensor>& weights(const std::string& network) { return weights_.at(network); }
  const Objective& objective() const { return *objective_; }

 private:
  std::unique_ptr<Objective> objective_;
  std::map<std::string, std::vector<at::Tensor>> weights_;
};

// Central differences of the phase's loss in every parameter it trains.
void expect_gradient_of_finite_differences(Family& family, const std::string& name,
                                           const at::Tensor& samples) {
  const Phase& phase = family.phase(name);
  for (const auto& network : phase.trains)
    for (at::Tensor& weight : family.weights(network)) weight.requires_grad_(true);
  gradients::backward(family.total(phase, samples));
  double largest = 0;
  for (const auto& network : phase.trains) {
    for (at::Tensor& weight : family.weights(network)) {
      weight.requires_grad_(false);
      const auto gradient = weight.grad().defined()
                                ? list(weight.grad())
                                : std::vector<double>(static_cast<size_t>(weight.numel()), 0.0);
      auto* data = weight.data_ptr<double>();
      for (size_t i = 0; i < gradient.size(); ++i) {
        constexpr double kStep = 1e-5;
        const double kept = data[i];
        data[i] = kept + kStep;
        const double above = value(family.total(phase, samples));
        data[i] = kept - kStep;
        const double below = value(family.total(phase, samples));
        data[i] = kept;
        ASSERT_NEAR(gradient[i], (above - below) / (2 * kStep), 2e-7) << network << " " << i;
        largest = std::max(largest, std::abs(gradient[i]));
      }
      weight.mutable_grad() = at::Tensor();
    }
  }
  EXPECT_GT(largest, 1e-3) << "a zero gradient proves nothing";
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
