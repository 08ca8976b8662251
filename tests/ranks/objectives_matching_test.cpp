// The families that match the aggregate posterior to the prior: each loss against its formula in
// plain loops, each gradient against finite differences of the whole loss.

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cmath>

#include "objectives/kernel.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::DoubleFamily;
using testing::draw;
using testing::expect_gradient_of_finite_differences;
using testing::list;
using Doubles = std::vector<double>;

constexpr size_t kSamples = 5, kLatent = 2, kValues = 3;
constexpr double kVariance = 0.4;

template <class Family>
Family small() {
  Family family;
  family.latent.dimension = kLatent;
  family.encoder = {.width = 4, .depth = 1, .activation = "tanh"};
  family.decoder = {.width = 4, .depth = 1, .activation = "tanh"};
  family.likelihood = "gaussian";
  family.variance = kVariance;
  if constexpr (std::derived_from<Family, config::Adversarial>)
    family.discriminator = {.width = 4, .depth = 2, .activation = "tanh"};
  return family;
}

at::Tensor samples() {
  return draw({kSamples, kValues}, "x");
}

// The codes of a phase, mean + deviation * noise by plain loops, [samples][latent], and, of a
// Gaussian encoder, the mean KL to N(0, I).
struct PlainCodes {
  at::Tensor z = at::empty({kSamples, kLatent}, at::TensorOptions().dtype(at::kDouble));
  double kl = 0;
};
PlainCodes plain_codes(DoubleFamily& family, const PhaseInput& in, bool gaussian) {
  PlainCodes codes;
  const Doubles q = list(family.forward("encoder", in.samples));
  const Doubles noise = gaussian ? list(in.noise("posterior")) : Doubles();
  const size_t outputs = gaussian ? 2 * kLatent : kLatent;
  EXPECT_EQ(q.size(), kSamples * outputs);
  for (size_t i = 0; i < kSamples; ++i) {
    for (size_t j = 0; j < kLatent; ++j) {
      double& z = codes.z.data_ptr<double>()[kLatent * i + j];
      z = q[outputs * i + j];
      if (!gaussian) continue;
      const double mean = z, log_variance = q[outputs * i + kLatent + j];
      z += std::exp(0.5 * log_variance) * noise[kLatent * i + j];
      codes.kl += 0.5 * (mean * mean + std::exp(log_variance) - log_variance - 1) / kSamples;
    }
  }
  return codes;
}

double plain_reconstruction(DoubleFamily& family, const PhaseInput& in, const at::Tensor& z) {
  const Doubles output = list(family.forward("decoder", z)), x = list(in.samples);
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i)
    sum += std::pow(output[i] - x[i], 2) / (2 * kVariance * kSamples);
  return sum;
}

// With the multiquadric kernel of field constants written out: C = 2 d s.
double plain_mmd(const Doubles& x, const Doubles& y) {
  const auto kernel = [](const double* a, const double* b) {
    double distance = 0, sum = 0;
    for (size_t k = 0; k < kLatent; ++k) distance += (a[k] - b[k]) * (a[k] - b[k]);
    for (const double s : {.1, .2, .5, 1., 2., 5., 10.}) {
      const double c = 2 * kLatent * s;
      sum += c / (c + distance);
    }
    return sum;
  };
  double within = 0, across = 0;
  for (size_t i = 0; i < kSamples; ++i) {
    for (size_t j = 0; j < kSamples; ++j) {
      const size_t a = kLatent * i, b = kLatent * j;
      if (i != j) within += kernel(&x[a], &x[b]) + kernel(&y[a], &y[b]);
      across += kernel(&x[a], &y[b]);
    }
  }
  return within / (kSamples * kSamples - kSamples) - 2 * across / (kSamples * kSamples);
}

double mean_softplus(const at::Tensor& scores, double sign) {
  double sum = 0;
  for (const double score : list(scores)) sum += std::log1p(std::exp(sign * score)) / kSamples;
  return sum;
}

void expect_terms(const PhaseOutput& out, const std::vector<std::string>& names,
                  const Doubles& values, const Doubles& weights) {
  ASSERT_EQ(out.losses.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(out.losses[i].name, names[i]);
    EXPECT_NEAR(out.losses[i].value.item<double>(), values[i], 1e-12) << names[i];
    EXPECT_DOUBLE_EQ(out.losses[i].weight, weights[i]) << names[i];
  }
}

const std::array<std::string, 2> kPosteriors = {"deterministic", "gaussian"};

TEST(WaeMmdLoss, IsItsFormula) {
  for (const auto& posterior : kPosteriors) {
    auto wae = small<config::WaeMmd>();
    wae.posterior = posterior;
    wae.lambda = 7;
    DoubleFamily family(wae, kValues);
    const Phase& phase = family.phase("wae");
    const PhaseInput in = family.input(phase, samples());
    const auto codes = plain_codes(family, in, posterior == "gaussian");
    expect_terms(phase.losses(in), {"reconstruction", "mmd"},
                 {plain_reconstruction(family, in, codes.z),
                  plain_mmd(list(codes.z), list(in.noise("prior")))},
                 {1, 7});
  }
}

TEST(InfoVaeLoss, IsItsFormula) {
  auto infovae = small<config::InfoVae>();
  infovae.alpha = 0.75;
  infovae.lambda = 5;
  DoubleFamily family(infovae, kValues);
  const Phase& phase = family.phase("infovae");
  const PhaseInput in = family.input(phase, samples());
  const auto codes = plain_codes(family, in, true);
  expect_terms(phase.losses(in), {"reconstruction", "kl", "mmd"},
               {plain_reconstruction(family, in, codes.z), codes.kl,
                plain_mmd(list(codes.z), list(in.noise("prior")))},
               {1, 0.25, 4.75});
}

TEST(InfoVaeLoss, OfAlphaZeroAndLambdaOneIsTheVaes) {
  auto infovae = small<config::InfoVae>();
  infovae.alpha = 0;
  infovae.lambda = 1;
  auto vae = small<config::Vae>();
  DoubleFamily one(infovae, kValues), other(vae, kValues);
  const auto elbo = [](DoubleFamily& family, const char* name) {
    // The noise of both under one name.
    const Phase& phase = family.phase(name);
    PhaseInput in = family.input(phase, samples());
    for (auto& [key, noise] : in.noises)
      if (key == "posterior") noise = draw({kSamples, kLatent}, "epsilon");
    double sum = 0;
    for (const auto& term : phase.losses(in).losses) sum += term.weight * term.value.item<double>();
    return sum;
  };
  EXPECT_NEAR(elbo(one, "infovae"), elbo(other, "elbo"), 1e-12);
}

TEST(WaeGanLoss, IsItsFormula) {
  for (const auto& posterior : kPosteriors) {
    auto wae = small<config::WaeGan>();
    wae.posterior = posterior;
    wae.lambda = 3;
    DoubleFamily family(wae, kValues);
    const Phase& phase = family.phase("wae");
    const PhaseInput in = family.input(phase, samples());
    const auto codes = plain_codes(family, in, posterior == "gaussian");
    expect_terms(phase.losses(in), {"reconstruction", "code"},
                 {plain_reconstruction(family, in, codes.z),
                  mean_softplus(family.forward("discriminator", codes.z), -1)},
                 {1, 3});
  }
}

TEST(AaeLoss, IsItsFormula) {
  for (const auto& posterior : kPosteriors) {
    const bool gaussian = posterior == "gaussian";
    auto aae = small<config::Aae>();
    aae.posterior = posterior;
    DoubleFamily family(aae, kValues);
    const Phase& reconstruction = family.phase("reconstruction");
    const PhaseInput in = family.input(reconstruction, samples());
    expect_terms(reconstruction.losses(in), {"reconstruction"},
                 {plain_reconstruction(family, in, plain_codes(family, in, gaussian).z)}, {1});
    const Phase& code = family.phase("code");
    const PhaseInput regularized = family.input(code, samples());
    const at::Tensor z = plain_codes(family, regularized, gaussian).z;
    expect_terms(code.losses(regularized), {"code"},
                 {mean_softplus(family.forward("discriminator", z), -1)}, {1});
  }
}

// The prior is what is real.
TEST(CodeDiscriminators, LossIsTheCrossEntropyOfPriorAndCodes) {
  const auto expect_cross_entropy = [](const config::Family& settings, bool gaussian) {
    DoubleFamily family(settings, kValues);
    const Phase& phase = family.phase("discriminator");
    const PhaseInput in = family.input(phase, samples());
    const at::Tensor z = plain_codes(family, in, gaussian).z;
    const double expected = mean_softplus(family.forward("discriminator", in.noise("prior")), -1) +
                            mean_softplus(family.forward("discriminator", z), 1);
    expect_terms(phase.losses(in), {"discriminator"}, {expected}, {1});
  };
  for (const auto& posterior : kPosteriors) {
    auto aae = small<config::Aae>();
    auto wae = small<config::WaeGan>();
    aae.posterior = wae.posterior = posterior;
    expect_cross_entropy(aae, posterior == "gaussian");
    expect_cross_entropy(wae, posterior == "gaussian");
  }
}

TEST(MatchingGradients, AreThoseOfTheWholeLossInEveryPhase) {
  const auto expect_all = [](const config::Family& settings) {
    DoubleFamily family(settings, kValues);
    for (const Phase& phase : family.objective().phases()) {
      SCOPED_TRACE(phase.name);
      expect_gradient_of_finite_differences(family, phase.name, samples());
    }
  };
  for (const auto& posterior : kPosteriors) {
    SCOPED_TRACE(posterior);
    auto aae = small<config::Aae>();
    auto gan = small<config::WaeGan>();
    auto mmd = small<config::WaeMmd>();
    aae.posterior = gan.posterior = mmd.posterior = posterior;
    expect_all(aae);
    expect_all(gan);
    expect_all(mmd);
    mmd.kernel.kind = "rbf";
    expect_all(mmd);
  }
  auto infovae = small<config::InfoVae>();
  infovae.alpha = 0.5;
  infovae.lambda = 4;
  expect_all(infovae);
}

TEST(AaePhases, TakeOneBatchAStepAndTrainTheEncoderWithTwoOptimizers) {
  auto aae = small<config::Aae>();
  aae.code_optimizer.learning_rate = 0.123;
  const DoubleFamily family(aae, kValues);
  const auto& phases = family.objective().phases();
  ASSERT_EQ(phases.size(), 3U);
  EXPECT_EQ(phases[0].name, "reconstruction");
  EXPECT_EQ(phases[0].trains, (std::vector<std::string>{"encoder", "decoder"}));
  EXPECT_EQ(phases[0].optimizer, "");
  EXPECT_TRUE(phases[0].reads_samples);
  EXPECT_EQ(phases[1].trains, (std::vector<std::string>{"discriminator"}));
  EXPECT_FALSE(phases[1].reads_samples);
  EXPECT_EQ(phases[2].trains, (std::vector<std::string>{"encoder"}));
  EXPECT_FALSE(phases[2].reads_samples);
  const auto& encoder = family.objective().networks()[0];
  ASSERT_EQ(encoder.more_optimizers.size(), 1U);
  EXPECT_EQ(encoder.more_optimizers[0].name, phases[2].optimizer);
  EXPECT_EQ(encoder.more_optimizers[0].settings.learning_rate, 0.123);
}

TEST(WaeGanPhases, TrainEncoderAndDecoderInOneUpdateOnTheDiscriminatorsBatch) {
  const DoubleFamily family(small<config::WaeGan>(), kValues);
  const auto& phases = family.objective().phases();
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].trains, (std::vector<std::string>{"discriminator"}));
  EXPECT_TRUE(phases[0].reads_samples);
  EXPECT_EQ(phases[1].trains, (std::vector<std::string>{"encoder", "decoder"}));
  EXPECT_FALSE(phases[1].reads_samples);
}

TEST(MatchingPriors, AreTheLatentsOfTheConfiguration) {
  auto wae = small<config::WaeMmd>();
  wae.latent.distribution = "mixture";
  wae.latent.components = 3;
  const DoubleFamily family(wae, kValues);
  int found = 0;
  for (const auto& noise : family.phase("wae").noise) {
    if (noise.name != "prior") continue;
    ++found;
    ASSERT_TRUE(noise.prior.has_value());
    EXPECT_EQ(noise.prior->distribution, "mixture");
    EXPECT_EQ(noise.prior->components, 3);
  }
  EXPECT_EQ(found, 1);
}

std::vector<std::string> refused(const config::RunConfig& config) {
  std::vector<ConfigurationError> errors;
  EXPECT_EQ(make_objective(config, {.shape = {.channels = kValues}}, errors), nullptr);
  std::vector<std::string> paths;
  for (const auto& error : errors) paths.push_back(error.path);
  return paths;
}
using Paths = std::vector<std::string>;

TEST(MatchingFamilies, AreRefusedByName) {
  config::RunConfig config;
  config.batch = 1;
  config.microbatches = 2;
  auto infovae = small<config::InfoVae>();
  infovae.alpha = 0.5;
  infovae.lambda = 0.25;
  infovae.latent.distribution = "uniform";
  config.family = infovae;
  EXPECT_EQ(refused(config),
            (Paths{"batch", "microbatches", "infovae.lambda", "infovae.latent.distribution"}));
  config.family = small<config::WaeMmd>();
  EXPECT_EQ(refused(config), (Paths{"batch", "microbatches"}));
  config = {};
  infovae = small<config::InfoVae>();
  infovae.alpha = 1.5;
  config.family = infovae;
  EXPECT_EQ(refused(config), (Paths{"infovae.alpha"}));
  auto aae = small<config::Aae>();
  aae.loss = "hinged";
  aae.likelihood = "poisson";
  aae.discriminator.layers = {{config::Linear{.units = 2}}};
  config.family = aae;
  EXPECT_EQ(refused(config), (Paths{"aae.loss", "aae.likelihood", "aae.discriminator"}));
  auto wae = small<config::WaeGan>();
  wae.penalty = {{.kind = "r3"}};
  wae.encoder.layers = {{config::Linear{.units = 2 * kLatent}}};  // twice a deterministic code's
  config.family = wae;
  EXPECT_EQ(refused(config), (Paths{"wae_gan.penalty[0].kind", "wae_gan.encoder"}));
}

// With no term for a single sample's posterior, any prior will do.
TEST(InfoVae, OfAlphaOneTakesEveryPrior) {
  for (const char* prior : {"normal", "uniform", "sphere", "mixture"}) {
    auto infovae = small<config::InfoVae>();
    infovae.alpha = 1;
    infovae.latent.distribution = prior;
    DoubleFamily family(infovae, kValues);
    const Phase& phase = family.phase("infovae");
    EXPECT_EQ(phase.losses(family.input(phase, samples())).losses.size(), 2U) << prior;
  }
}

}  // namespace
}  // namespace allmodes::objectives
