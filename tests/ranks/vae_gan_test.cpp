// VAE-GAN: each loss against its formula in plain loops, each network's gradient against finite
// differences of its own line, and the same step on any number of ranks.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "ranks/gradients_over_ranks.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::DoubleFamily;
using testing::draw;
using testing::list;
using Doubles = std::vector<double>;

constexpr size_t kRows = 5, kCode = 2, kPoint = 3, kWidth = 4;

config::VaeGan small_vae_gan(const std::string& reconstruction) {
  config::VaeGan family;
  family.latent.dimension = kCode;
  family.encoder = {.width = kWidth, .depth = 1, .activation = "tanh"};
  family.decoder = {.width = kWidth, .depth = 1, .activation = "tanh"};
  family.discriminator = {.width = kWidth, .depth = 2, .activation = "tanh"};
  family.likelihood = "gaussian";
  family.variance = 0.4;
  family.reconstruction = reconstruction;
  family.gamma = 0.3;
  family.beta = 0.7;
  return family;
}

struct Lines {
  double reconstruction = 0, kl = 0, generator = 0;
};

// The three terms by plain loops. `features`: the discriminator's without its last layer.
Lines plain_lines(DoubleFamily& family, const PhaseInput& in, bool features) {
  Lines lines;
  const Doubles q = list(family.forward("encoder", in.samples)),
                noise = list(in.noise("posterior"));
  at::Tensor z = draw({kRows, kCode}, "place");
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t j = 0; j < kCode; ++j) {
      const double mean = q[2 * kCode * i + j], log_variance = q[2 * kCode * i + kCode + j];
      z.data_ptr<double>()[kCode * i + j] =
          mean + std::exp(0.5 * log_variance) * noise[kCode * i + j];
      lines.kl += 0.5 * (mean * mean + std::exp(log_variance) - log_variance - 1) / kRows;
    }
  }
  const at::Tensor made = family.forward("decoder", z);
  const auto last_features = [&](const at::Tensor& x) {
    return list(features ? in.forward.first("discriminator", 4, x) : x);
  };
  const Doubles one = last_features(in.samples), other = last_features(made);
  EXPECT_EQ(one.size(), kRows * (features ? kWidth : kPoint));
  for (size_t i = 0; i < one.size(); ++i)
    lines.reconstruction += std::pow(one[i] - other[i], 2) / (2 * kRows * (features ? 1 : 0.4));
  for (const at::Tensor& fake : {family.forward("decoder", in.noise("prior")), made})
    for (const double score : list(family.forward("discriminator", fake)))
      lines.generator += std::log1p(std::exp(-score)) / (2 * kRows);
  return lines;
}

TEST(VaeGanLoss, IsItsFormula) {
  for (const std::string reconstruction : {"features", "pixels"}) {
    DoubleFamily family(small_vae_gan(reconstruction), kPoint);
    const Phase& phase = family.phase("vae_gan");
    const PhaseInput in = family.input(phase, draw({kRows, kPoint}, "x"));
    const Lines lines = plain_lines(family, in, reconstruction == "features");
    const auto losses = phase.losses(in).losses;
    ASSERT_EQ(losses.size(), 3U);
    EXPECT_NEAR(losses[0].value.item<double>(), lines.reconstruction, 1e-12);
    EXPECT_NEAR(losses[1].value.item<double>(), lines.kl, 1e-12);
    EXPECT_NEAR(losses[2].value.item<double>(), lines.generator, 1e-12);
    EXPECT_GT(lines.reconstruction, 1e-3);
  }
}

TEST(VaeGanLoss, OfTheDiscriminatorCountsBothKindsOfFakesHalf) {
  DoubleFamily family(small_vae_gan("features"), kPoint);
  const Phase& phase = family.phase("discriminator");
  const PhaseInput in = family.input(phase, draw({kRows, kPoint}, "x"));
  const Doubles q = list(family.forward("encoder", in.samples)),
                noise = list(in.noise("posterior"));
  at::Tensor z = draw({kRows, kCode}, "place");
  for (size_t i = 0; i < kRows; ++i)
    for (size_t j = 0; j < kCode; ++j)
      z.data_ptr<double>()[kCode * i + j] =
          q[2 * kCode * i + j] +
          std::exp(0.5 * q[2 * kCode * i + kCode + j]) * noise[kCode * i + j];
  double expected = 0;
  for (const double score : list(family.forward("discriminator", in.samples)))
    expected += std::log1p(std::exp(-score)) / kRows;
  for (const at::Tensor& code : {in.noise("prior"), z})
    for (const double score :
         list(family.forward("discriminator", family.forward("decoder", code))))
      expected += std::log1p(std::exp(score)) / (2 * kRows);
  EXPECT_NEAR(phase.losses(in).losses[0].value.item<double>(), expected, 1e-12);
}

// A network's gradient beside central differences of its line.
void expect_gradient_of_line(DoubleFamily& family, const PhaseInput& in, const std::string& network,
                             bool features, const std::function<double(const Lines&)>& line) {
  for (at::Tensor& weight : family.weights(network)) {
    ASSERT_TRUE(weight.grad().defined());
    const Doubles gradient = list(weight.grad());
    auto* values = weight.data_ptr<double>();
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double kept = values[i];
      values[i] = kept + 1e-5;
      const double above = line(plain_lines(family, in, features));
      values[i] = kept - 1e-5;
      const double below = line(plain_lines(family, in, features));
      values[i] = kept;
      ASSERT_NEAR(gradient[i], (above - below) / 2e-5, 2e-7) << network << " " << i;
    }
  }
}

TEST(VaeGanGradient, OfEachNetworkIsThatOfItsOwnLine) {
  for (const std::string reconstruction : {"features", "pixels"}) {
    const bool features = reconstruction == "features";
    DoubleFamily family(small_vae_gan(reconstruction), kPoint);
    const Phase& phase = family.phase("vae_gan");
    const at::Tensor samples = draw({kRows, kPoint}, "x");
    const PhaseInput in = family.input(phase, samples);
    for (const char* network : {"encoder", "decoder"})
      for (at::Tensor& weight : family.weights(network)) weight.requires_grad_(true);
    gradients::backward(family.total(phase, samples));
    for (const char* network : {"encoder", "decoder"})
      for (at::Tensor& weight : family.weights(network)) weight.requires_grad_(false);
    expect_gradient_of_line(family, in, "encoder", features, [](const Lines& lines) {
      return lines.reconstruction + 0.7 * lines.kl;
    });
    expect_gradient_of_line(family, in, "decoder", features, [](const Lines& lines) {
      return 0.3 * lines.reconstruction + lines.generator;
    });
  }
}

TEST(VaeGanOverRanks, HasTheGradientOfTheWholeBatch) {
  testing::Problem problem = testing::image_autoencoder<config::VaeGan>();
  testing::expect_gradient_of_the_whole_batch(problem, 1);
  testing::expect_gradient_of_the_whole_batch(problem, 1, /*microbatches=*/4);
  auto& family = std::get<config::VaeGan>(problem.config.family);
  family.loss = "relativistic";
  family.augment = "color,translation";
  family.discriminator.layers = {{config::Convolution{.channels = 4, .kernel = 4, .stride = 2}},
                                 {config::Activation{.function = "softplus"}},
                                 {config::Flatten{}},
                                 {config::Linear{.units = 1}}};
  family.decoder.layers = {{config::Linear{.units = 64}}, {config::Reshape{{1, 8, 8}}}};
  family.penalty = {{.kind = "gradient_penalty"}, {.kind = "r2"}};
  testing::expect_gradient_of_the_whole_batch(problem, 1);
}

std::vector<std::string> refused(const config::VaeGan& family) {
  config::RunConfig config;
  config.family = family;
  std::vector<ConfigurationError> errors;
  EXPECT_EQ(make_objective(config, {.shape = {.channels = kPoint}}, errors), nullptr);
  std::vector<std::string> paths;
  for (const auto& error : errors) paths.push_back(error.path);
  return paths;
}

TEST(VaeGanChecks, RefuseFeaturesThatThereAreNot) {
  auto family = small_vae_gan("features");
  family.feature_layer = 5;  // two linear layers, two activations, the head
  EXPECT_EQ(refused(family), std::vector<std::string>{"vae_gan.feature_layer"});
  family.feature_layer = -1;
  family.packing = 2;
  EXPECT_EQ(refused(family), std::vector<std::string>{"vae_gan.packing"});
  family.packing = 1;
  family.discriminator.layers = {{config::Linear{.units = 1}}};
  EXPECT_EQ(refused(family), std::vector<std::string>{"vae_gan.feature_layer"});
}

}  // namespace
}  // namespace allmodes::objectives
