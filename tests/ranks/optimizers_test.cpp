// Adam on flat storage against Adam in double precision, and the schedules in closed form.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/random.h"
#include "optimizers/adam_kernel.h"
#include "optimizers/flat_adam.h"
#include "optimizers/schedule.h"
#include "ranks/training_fixture.h"

namespace allmodes::optimizers {
namespace {

using ::allmodes::testing::joined;

constexpr int64_t kSteps = 50;
constexpr Length kLength{kSteps, 64};

gradients::FlatNetwork small_network() {
  return gradients::make_flat_network(
      "network",
      networks::plan({{config::Linear{.units = 5}}, {config::Linear{.units = 3}}}, {7},
                     "kaiming_uniform"),
      1, at::kCPU);
}

// Of growing and shrinking norm, so that clipping is sometimes at work.
void set_gradient(gradients::FlatNetwork& network, uint64_t step) {
  const at::NoGradGuard no_grad;
  network.gradients.zero_();  // as the reducer does
  for (size_t i = 0; i < network.gradient_views.size(); ++i) {
    at::Tensor& view = network.gradient_views[i];
    fill_normal({.seed = 4, .purpose = Purpose("gradient"), .step = step}, i, 1, view.numel(),
                view.data_ptr<float>());
    view.mul_(0.1 + 0.3 * static_cast<double>(step % 5));
  }
}

// Algorithm 1 of Kingma and Ba, with L2 decay and clipping before it, in double.
struct Reference {
  std::vector<double> weights, average, m, v;

  explicit Reference(const gradients::FlatNetwork& network) {
    const auto start = joined(network.parameter_views);
    weights.assign(start.begin(), start.end());
    average = weights;
    m.assign(weights.size(), 0);
    v = m;
  }

  void step(const std::vector<float>& gradient, const config::Optimizer& o, int64_t step,
            double rate, double decay) {
    double square = 0;
    for (const float g : gradient) square += static_cast<double>(g) * static_cast<double>(g);
    const double scale = o.clip_norm > 0 ? std::min(1.0, o.clip_norm / std::sqrt(square)) : 1.0;
    const auto t = static_cast<double>(step + 1);
    for (size_t i = 0; i < weights.size(); ++i) {
      const double l2 = o.decoupled_decay ? 0 : o.weight_decay;
      const double g = static_cast<double>(gradient[i]) * scale + l2 * weights[i];
      if (o.decoupled_decay) weights[i] *= 1 - rate * o.weight_decay;
      const double second = beta2(o, step, kLength);
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
      v[i] = second * v[i] + (1 - second) * g * g;
      weights[i] -= rate * (m[i] / (1 - std::pow(o.beta1, t))) /
                    (std::sqrt(v[i] / (1 - std::pow(second, t))) + o.epsilon);
      average[i] = decay * average[i] + (1 - decay) * weights[i];
    }
  }
};

void expect_close(const std::vector<float>& found, const std::vector<double>& expected,
                  const char* what) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], 2e-6 * std::max(1.0, std::abs(expected[i]))) << what << i;
}

void expect_adam_of_double_precision(const config::Optimizer& settings) {
  auto network = small_network();
  FlatAdam adam(network, settings, kLength);
  Reference reference(network);
  for (int64_t step = 0; step < kSteps; ++step) {
    set_gradient(network, static_cast<uint64_t>(step));
    reference.step(joined(network.gradient_views), settings, step,
                   learning_rate(settings, step, kLength), ema_decay(settings, step, kLength));
    adam.step(step);
    expect_close(joined(network.parameter_views), reference.weights, "weight ");
    expect_close(joined(network.average_views), reference.average, "average ");
  }
  EXPECT_EQ(adam.updates().item<double>(), static_cast<double>(kSteps));
  EXPECT_EQ(adam.skipped().all, 0);
}

TEST(FlatAdam, IsAdam) {
  expect_adam_of_double_precision({.learning_rate = 0.01});
  expect_adam_of_double_precision({.learning_rate = 0.01, .beta1 = 0.0, .beta2 = 0.9});
}

TEST(FlatAdam, IsAdamWithDecayClippingAndSchedules) {
  expect_adam_of_double_precision({.learning_rate = 0.02,
                                   .weight_decay = 0.1,
                                   .warmup_steps = 7,
                                   .decay = "cosine",
                                   .clip_norm = 2.0,
                                   .ema_decay = 0.6});
}

TEST(FlatAdam, IsAdamWithAnnealedRatesAndAverages) {
  expect_adam_of_double_precision({.learning_rate = 0.02,
                                   .beta1 = 0,
                                   .beta2 = 0.9,
                                   .ema_half_life = 100,
                                   .anneal_samples = kSteps * kLength.batch / 2,
                                   .last_learning_rate = 0.001,
                                   .last_beta2 = 0.99});
}

// What a GPU runs in place of its fused kernel, which takes no beta2 from its memory.
TEST(FlatAdam, WithAScheduledBeta2InATensorIsTheSame) {
  for (const bool decoupled : {false, true}) {
    const config::Optimizer settings{.learning_rate = 0.02,
                                     .beta1 = 0.5,
                                     .beta2 = 0.9,
                                     .weight_decay = 0.1,
                                     .decoupled_decay = decoupled,
                                     .anneal_samples = kSteps * kLength.batch,
                                     .last_learning_rate = 0.01,
                                     .last_beta2 = 0.99};
    auto network = small_network();
    FlatAdam adam(network, settings, kLength);
    const at::Tensor weights = network.parameters.clone();
    const at::Tensor first = at::zeros_like(weights), second = at::zeros_like(weights);
    const at::Tensor updates = at::zeros({}, weights.options());
    const auto scalar = [&](double value) { return at::full({}, value, weights.options()); };
    for (int64_t step = 0; step < kSteps; ++step) {
      set_gradient(network, static_cast<uint64_t>(step));
      const bool bad = step % 3 == 1;
      if (bad) network.gradient_views[0].fill_(std::numeric_limits<float>::quiet_NaN());
      updates.add_(bad ? 0 : 1);
      adam_with_scheduled_beta2(
          {weights, network.gradients.clone(), first, second},
          {scalar(bad ? 1 : 0), updates, scalar(learning_rate(settings, step, kLength)),
           scalar(beta2(settings, step, kLength))},
          settings);
      adam.step(step);
      ASSERT_LT((weights - network.parameters).abs().max().item<double>(), 2e-6) << step;
    }
    EXPECT_EQ(updates.item<double>(), adam.updates().item<double>());
  }
}

TEST(FlatAdam, IsAdamWWhereTheDecayIsDecoupled) {
  expect_adam_of_double_precision({.learning_rate = 0.02,
                                   .weight_decay = 0.7,
                                   .decoupled_decay = true,
                                   .warmup_steps = 7,
                                   .decay = "cosine",
                                   .clip_norm = 2.0});
}

TEST(FlatAdam, ReportsTheNormBeforeClipping) {
  auto network = small_network();
  FlatAdam adam(network, {.clip_norm = 1e-3}, kSteps);
  set_gradient(network, 0);
  const double expected = ::allmodes::testing::norm(joined(network.gradient_views));
  adam.step(0);
  EXPECT_NEAR(adam.gradient_norm(), expected, 1e-6 * expected);
}

TEST(FlatAdam, LeavesThePaddingZero) {
  auto network = small_network();
  FlatAdam adam(network, {.weight_decay = 0.1}, kSteps);
  for (int64_t step = 0; step < 3; ++step) {
    set_gradient(network, static_cast<uint64_t>(step));
    adam.step(step);
  }
  for (const auto* flat :
       {&network.parameters, &network.average, &network.first_moment, &network.second_moment}) {
    std::vector<at::Tensor> views;
    for (size_t i = 0; i < network.slices.size(); ++i)
      views.push_back(gradients::slice_view(network, *flat, i));
    EXPECT_NEAR(::allmodes::testing::norm(joined({*flat})),
                ::allmodes::testing::norm(joined(views)), 1e-12);
  }
}

TEST(FlatAdam, AGradientThatIsNotFiniteChangesNothingAndIsCounted) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto network = small_network(), spared = small_network();
    const config::Optimizer settings{.learning_rate = 0.01, .clip_norm = 1.0};
    FlatAdam adam(network, settings, kSteps), other(spared, settings, kSteps);
    for (int64_t step = 0; step < 6; ++step) {
      set_gradient(network, static_cast<uint64_t>(step));
      if (step == 3) network.gradient_views[1].data_ptr<float>()[2] = bad;
      adam.step(step);
      if (step == 3) continue;
      set_gradient(spared, static_cast<uint64_t>(step));
      other.step(step);
    }
    EXPECT_EQ(adam.skipped().all, 1);
    EXPECT_EQ(adam.updates().item<double>(), 5);
    EXPECT_EQ(joined({network.parameters}), joined({spared.parameters}));
    EXPECT_EQ(joined({network.first_moment}), joined({spared.first_moment}));
    EXPECT_EQ(joined({network.second_moment}), joined({spared.second_moment}));
    EXPECT_EQ(joined({network.average}), joined({spared.average}));
  }
}

TEST(FlatAdam, CountsSkippedUpdatesInARow) {
  auto network = small_network();
  FlatAdam adam(network, {}, kSteps);
  const auto step = [&](bool bad) {
    set_gradient(network, 1);
    if (bad) network.gradient_views[0].fill_(std::numeric_limits<float>::infinity());
    adam.step(0);
    const SkippedUpdates counts = adam.skipped();
    return std::array{counts.all, counts.in_a_row, counts.longest_row};
  };
  using Counts = std::array<int64_t, 3>;
  EXPECT_EQ(step(true), (Counts{1, 1, 1}));
  EXPECT_EQ(step(true), (Counts{2, 2, 2}));
  EXPECT_EQ(step(false), (Counts{2, 0, 2}));
  EXPECT_EQ(step(true), (Counts{3, 1, 2}));
}

TEST(FlatAdam, TheAverageStaysWhereAStepHasALaterUpdate) {
  auto network = small_network();
  FlatAdam adam(network, {.learning_rate = 0.01}, kSteps);
  const auto average = joined(network.average_views), weights = joined(network.parameter_views);
  set_gradient(network, 1);
  adam.schedule(0, /*averages=*/false);
  adam.apply(adam.measure());
  EXPECT_EQ(joined(network.average_views), average);
  EXPECT_NE(joined(network.parameter_views), weights);
}

TEST(AdamKernel, GivesTheSameBitsWithEveryInstructionSet) {
  constexpr int64_t kCount = 1003;  // no multiple of any vector's length
  const AdamUpdate update{.gradient_scale = 0.73F,
                          .weight_decay = 0.013F,
                          .beta1 = 0.9F,
                          .beta2 = 0.997F,
                          .step_size = 0.0123F,
                          .inverse_root = 1.7F,
                          .average_weight = 0.037F};
  const auto result = [&](InstructionSet set) {
    std::vector<float> values(5 * kCount);
    fill_normal({.seed = 9, .purpose = Purpose("kernel")}, 0, 1, 5 * kCount, values.data());
    float* const p = values.data();
    for (int64_t i = 0; i < kCount; ++i) p[3 * kCount + i] = std::abs(p[3 * kCount + i]);
    for (int step = 0; step < 20; ++step)
      adam_update({p, p + kCount, p + 2 * kCount, p + 3 * kCount, p + 4 * kCount}, 1, kCount - 2,
                  update, set);
    return std::pair(values, sum_of_squares(p, 0, 5 * kCount, set));
  };
  const auto baseline = result(InstructionSet::baseline);
  const auto sets = supported_instruction_sets();
  for (const InstructionSet set : sets) EXPECT_EQ(result(set), baseline) << static_cast<int>(set);
  if (sets.size() == 1) GTEST_SKIP() << "this processor has no wider vectors to compare with";
}

TEST(LearningRate, FollowsItsClosedForms) {
  const config::Optimizer constant{.learning_rate = 0.3};
  config::Optimizer linear = constant, cosine = constant;
  linear.decay = "linear";
  linear.warmup_steps = 10;
  cosine.decay = "cosine";
  for (int64_t step = 0; step < 100; ++step) {
    const auto t = static_cast<double>(step);
    EXPECT_DOUBLE_EQ(learning_rate(constant, step, 100), 0.3);
    EXPECT_DOUBLE_EQ(learning_rate(linear, step, 100),
                     step < 10 ? 0.3 * (t + 1) / 10 : 0.3 * (1 - (t - 10) / 90));
    EXPECT_NEAR(learning_rate(cosine, step, 100), 0.15 * (1 + std::cos(std::numbers::pi * t / 100)),
                1e-15);
  }
  EXPECT_DOUBLE_EQ(learning_rate(linear, 100, 100), 0);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 170, 100), 0);  // resumed with fewer steps
  EXPECT_NEAR(learning_rate(cosine, 100, 100), 0, 1e-16);
}

TEST(LearningRate, IsFiniteWhereTheWarmUpOutlastsTheRun) {
  config::Optimizer optimizer{.learning_rate = 0.3, .warmup_steps = 10, .decay = "linear"};
  EXPECT_DOUBLE_EQ(learning_rate(optimizer, 4, 5), 0.15);
  EXPECT_DOUBLE_EQ(learning_rate(optimizer, 10, 5), 0.3);
}

// R3GAN's for CIFAR-10 (Huang et al., arXiv 2501.05441, appendix).
TEST(Annealing, GoesToItsEndByHalfACosineOverTheSamplesSeen) {
  const config::Optimizer optimizer{.learning_rate = 2e-4,
                                    .beta2 = 0.9,
                                    .ema_half_life = 5e6,
                                    .anneal_samples = 20'000'000,
                                    .last_learning_rate = 5e-5,
                                    .last_beta2 = 0.99};
  const Length length{100'000, 500};
  EXPECT_DOUBLE_EQ(learning_rate(optimizer, 0, length), 2e-4);
  EXPECT_DOUBLE_EQ(beta2(optimizer, 0, length), 0.9);
  EXPECT_EQ(ema_decay(optimizer, 0, length), 0) << "the average is the weights";
  EXPECT_DOUBLE_EQ(learning_rate(optimizer, 20'000, length), 1.25e-4) << "half of the way";
  EXPECT_DOUBLE_EQ(beta2(optimizer, 20'000, length), 0.945);
  EXPECT_DOUBLE_EQ(ema_decay(optimizer, 20'000, length), std::pow(0.5, 500 / 2.5e6));
  const double third = (1 - std::cos(std::numbers::pi / 4)) / 2;
  EXPECT_DOUBLE_EQ(learning_rate(optimizer, 10'000, length), 2e-4 + (5e-5 - 2e-4) * third);
  for (const int64_t step : {40'000, 90'000}) {
    EXPECT_DOUBLE_EQ(learning_rate(optimizer, step, length), 5e-5);
    EXPECT_DOUBLE_EQ(beta2(optimizer, step, length), 0.99);
    EXPECT_DOUBLE_EQ(ema_decay(optimizer, step, length), std::pow(0.5, 500 / 5e6));
  }
}

TEST(EmaDecay, RampsUpToItsLimit) {
  const config::Optimizer optimizer{.ema_decay = 0.99};
  EXPECT_DOUBLE_EQ(ema_decay(optimizer, 0, 1), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay(optimizer, 8, 1), 0.5);
  EXPECT_DOUBLE_EQ(ema_decay(optimizer, 10'000, 1), 0.99);
  for (int64_t step = 1; step < 2000; ++step)
    ASSERT_GE(ema_decay(optimizer, step, 1), ema_decay(optimizer, step - 1, 1));
}

}  // namespace
}  // namespace allmodes::optimizers
