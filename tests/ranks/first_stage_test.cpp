// First stages: losses and quantizers against closed forms, gradients against finite differences.

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "objectives/quantizer.h"
#include "ranks/first_stage_problem.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::DoubleFamily;
using testing::draw;
using testing::family_of;
using testing::first_stage;
using testing::list;
using testing::Problem;

constexpr int64_t kRows = 3, kSide = 4;

// Of pictures of 1 x 4 x 4 pixels, with networks of two layers and a discriminator of patches.
config::FirstStage small_first_stage(const std::string& quantizer) {
  config::FirstStage family;
  family.quantizer = quantizer;
  family.channels = 2;
  family.downsampling = 2;
  family.codes = 5;
  const int64_t outputs = quantizer == "kl" ? 4 : 2;
  family.encoder = {.layers = {{config::Convolution{.channels = 3, .kernel = 2, .stride = 2}},
                               {config::Activation{.function = "tanh"}},
                               {config::Convolution{.channels = outputs, .kernel = 1}}}};
  family.decoder = {.layers = {{config::Upsample{}},
                               {config::Convolution{.channels = 3, .kernel = 1}},
                               {config::Activation{.function = "tanh"}},
                               {config::Convolution{.channels = 1, .kernel = 1}}}};
  family.discriminator = {.layers = {{config::Convolution{.channels = 2, .kernel = 2, .stride = 2}},
                                     {config::Activation{.function = "tanh"}},
                                     {config::Convolution{.channels = 1, .kernel = 1}},
                                     {config::Flatten{}}}};
  family.loss = "hinge";
  return family;
}

DoubleFamily small(const config::FirstStage& family) {
  return {family, DataFacts{.shape = {1, kSide, kSide, true}}};
}

at::Tensor small_pictures() {
  return draw({kRows, 1, kSide, kSide}, "pictures");
}

double loss_of(const PhaseOutput& out, const std::string& name) {
  for (const auto& term : out.losses)
    if (term.name == name) return term.value.item<double>();
  ADD_FAILURE() << "no loss " << name;
  return 0;
}

TEST(FirstStageLoss, IsTheDistanceAndTheKlOverTheNumberOfValues) {
  config::FirstStage settings = small_first_stage("kl");
  settings.kl_weight = 0.5;
  DoubleFamily family = small(settings);
  const Phase& phase = family.phase("autoencoder");
  const PhaseInput in = family.input(phase, small_pictures());
  const auto encoded = list(family.forward("encoder", in.samples));
  const auto noise = list(in.noise("posterior"));
  at::Tensor z = draw({kRows, 2, 2, 2}, "place");
  double kl = 0;
  for (size_t row = 0; row < kRows; ++row)
    for (size_t j = 0; j < 8; ++j) {
      const double mean = encoded[16 * row + j], log_variance = encoded[16 * row + 8 + j];
      z.data_ptr<double>()[8 * row + j] = mean + std::exp(0.5 * log_variance) * noise[8 * row + j];
      kl += 0.5 * (mean * mean + std::exp(log_variance) - log_variance - 1) / kRows;
    }
  const auto made = list(family.forward("decoder", z)), pictures = list(in.samples);
  double distance = 0;
  for (size_t i = 0; i < made.size(); ++i)
    distance += std::abs(made[i] - pictures[i]) / static_cast<double>(made.size());
  for (auto& weight : family.weights("decoder")) weight.requires_grad_(true);
  const PhaseOutput out = phase.losses(in);
  EXPECT_NEAR(loss_of(out, "reconstruction"), distance, 1e-12);
  EXPECT_NEAR(loss_of(out, "kl"), kl, 1e-12);
  EXPECT_NEAR(out.losses[1].weight, 0.5 / (kSide * kSide), 1e-15);
}

TEST(FirstStageLoss, HasTheGradientOfFiniteDifferences) {
  for (const bool learned : {false, true}) {
    config::FirstStage settings = small_first_stage("kl");
    settings.kl_weight = 0.5;
    settings.distance = "l2";
    settings.loss = "non_saturating";
    settings.adaptive_weight = false;
    settings.learned_variance = learned;
    DoubleFamily family = small(settings);
    testing::expect_gradient_of_finite_differences(family, "autoencoder", small_pictures());
    testing::expect_gradient_of_finite_differences(family, "discriminator", small_pictures());
  }
}

TEST(FirstStageLoss, OfALearnedVarianceIsTheDistanceOverItAndItsLogarithm) {
  config::FirstStage settings = small_first_stage("kl");
  settings.learned_variance = true;
  settings.adversarial_weight = 0;
  DoubleFamily family = small(settings);
  const double s = family.weights("log_variance")[0].item<double>();
  const Phase& phase = family.phase("reconstruction");
  const PhaseOutput out = phase.losses(family.input(phase, small_pictures()));
  const double distance = out.observations[0].value.item<double>();
  EXPECT_NE(s, 0);
  EXPECT_NEAR(loss_of(out, "likelihood"), distance * std::exp(-s) + s, 1e-12);
}

// The weight by finite differences of both summands in each element of the decoder's last weight.
TEST(AdaptiveWeight, IsTheRatioOfTheGradientsInTheLastWeight) {
  config::FirstStage settings = small_first_stage("kl");
  settings.distance = "l2";
  settings.adversarial_weight = 0.7;
  DoubleFamily family = small(settings);
  const Phase& phase = family.phase("autoencoder");
  const PhaseInput in = family.input(phase, small_pictures());
  at::Tensor& last = family.weights("decoder")[2];  // after a weight and its bias
  ASSERT_EQ(last.numel(), 3);
  for (auto& weight : family.weights("decoder")) weight.requires_grad_(true);
  const PhaseOutput out = phase.losses(in);
  const double weight = out.observations[0].value.item<double>();
  const LossTerm& term = out.losses.back();
  EXPECT_NEAR(term.weight * term.factor.item<double>(), weight, 1e-12) << "what is minimized";
  const double adversarial = loss_of(out, "generator");
  double of_distance = 0, of_loss = 0;
  for (int64_t i = 0; i < last.numel(); ++i) {
    constexpr double kStep = 1e-6;
    const auto at_offset = [&](double offset) {
      last.data_ptr<double>()[i] += offset;
      const PhaseOutput there = phase.losses(in);
      last.data_ptr<double>()[i] -= offset;
      return std::pair{loss_of(there, "reconstruction"), loss_of(there, "generator")};
    };
    const auto above = at_offset(kStep), below = at_offset(-kStep);
    of_distance += std::pow((above.first - below.first) / (2 * kStep), 2);
    of_loss += std::pow((above.second - below.second) / (2 * kStep), 2);
  }
  EXPECT_NEAR(weight, 0.7 * std::sqrt(of_distance) / (std::sqrt(of_loss) + 1e-4), 1e-6 * weight);
  EXPECT_NE(adversarial, 0);
}

TEST(AdaptiveWeight, RisesWithTheDiscriminatorsWarmUp) {
  config::FirstStage settings = small_first_stage("kl");
  settings.adversarial_weight = 0.5;
  settings.adaptive_weight = false;
  settings.discriminator_start = 10;
  settings.discriminator_warmup = 4;
  DoubleFamily family = small(settings);
  const Phase& phase = family.phase("autoencoder");
  for (const auto& [step, share] : std::map<uint64_t, double>{{10, 0.25}, {12, 0.75}, {50, 1}}) {
    family.step = step;
    const auto terms = phase.losses(family.input(phase, small_pictures())).losses;
    EXPECT_EQ(terms.back().weight, 0.5);
    EXPECT_NEAR(terms.back().factor.item<double>(), share, 1e-15) << step;
  }
}

TEST(VectorCodes, PassTheGradientOnAndPullVectorsAndPointsTogether) {
  config::FirstStage settings = small_first_stage("vq");
  settings.commitment = 0.25;
  std::vector<ConfigurationError> errors;
  const auto quantizer = make_quantizer(settings, {2, 2, 2}, kRows, errors);
  const at::Tensor vectors = draw({5, 2}, "vectors").requires_grad_(true);
  const std::vector<at::Tensor> weights{vectors};
  PhaseInput in{.samples = small_pictures(),
                .labels = {},
                .noises = {},
                .forward = Forward({}, [&](const std::string&) { return std::span(weights); }),
                .batch = kRows};
  const at::Tensor encoded = draw({kRows, 2, 2, 2}, "encoded").requires_grad_(true);
  const Quantized found = quantizer->quantize(in, encoded);
  // The nearest of the vectors to each pixel, in plain loops.
  const auto points = list(pixels_of(encoded)), rows = list(vectors);
  const auto images = list(pixels_of(found.image));
  double distance = 0;
  for (size_t i = 0; i < points.size() / 2; ++i) {
    double least = 1e9;
    size_t nearest = 0;
    for (size_t k = 0; k < 5; ++k) {
      const double square = std::pow(points[2 * i] - rows[2 * k], 2) +
                            std::pow(points[2 * i + 1] - rows[2 * k + 1], 2);
      if (square < least) least = square, nearest = k;
    }
    distance += least / static_cast<double>(points.size());
    EXPECT_NEAR(images[2 * i], rows[2 * nearest], 1e-12);
    EXPECT_NEAR(images[2 * i + 1], rows[2 * nearest + 1], 1e-12);
  }
  ASSERT_EQ(found.losses.size(), 2U);
  EXPECT_NEAR(found.losses[0].value.item<double>(), distance, 1e-12);
  EXPECT_NEAR(found.losses[1].value.item<double>(), distance, 1e-12);
  EXPECT_EQ(found.losses[1].weight, 0.25);
  const at::Tensor upstream = draw({kRows, 2, 2, 2}, "upstream");
  gradients::backward((found.image * upstream).sum());
  EXPECT_TRUE(encoded.grad().allclose(upstream));
  EXPECT_FALSE(vectors.grad().defined());
}

TEST(Signs, AreTheSignsAndTheirEntropiesThoseOfTheBits) {
  config::FirstStage settings = small_first_stage("lfq");
  settings.entropy_temperature = 2;
  std::vector<ConfigurationError> errors;
  const auto quantizer = make_quantizer(settings, {2, 1, 1}, 2, errors);
  const at::Tensor encoded = at::tensor({0.3, -0.2, -1.0, 0.4}, at::kDouble).view({2, 2, 1, 1});
  PhaseInput in{.samples = encoded, .labels = {}, .noises = {}, .forward = Forward({}, {})};
  const Quantized found = quantizer->quantize(in, encoded);
  EXPECT_TRUE(found.image.flatten().allclose(at::tensor({1., -1., -1., 1.}, at::kDouble)));
  EXPECT_EQ(quantizer->codes(), 4);
  EXPECT_TRUE(quantizer->codes_of(in.forward, encoded)
                  .equal(at::tensor({int64_t{1}, int64_t{2}}).view({2, 1})));
  const auto entropy = [](double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); };
  // The softmax of -(x -+ 1)^2 / 2.
  const auto up = [](double x) {
    const double plus = std::exp(-(x - 1) * (x - 1) / 2), minus = std::exp(-(x + 1) * (x + 1) / 2);
    return plus / (plus + minus);
  };
  const double own =
      (entropy(up(0.3)) + entropy(up(-0.2)) + entropy(up(-1.0)) + entropy(up(0.4))) / 2;
  const double of_mean = entropy((up(0.3) + up(-1.0)) / 2) + entropy((up(-0.2) + up(0.4)) / 2);
  ASSERT_EQ(found.losses.size(), 2U);
  EXPECT_NEAR(found.losses[1].value.item<double>(), own - of_mean, 1e-12);
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

}  // namespace
}  // namespace allmodes::objectives
