// The class-conditional VAE, and combinations of a VAE's fields that are refused.

#include <ATen/ops/remainder.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "objectives/registry.h"
#include "ranks/objective_fixture.h"
#include "ranks/small_vae.h"

namespace allmodes::objectives {
namespace {

using small::kBatch;
using small::kLatent;
using small::points;
using small::small_vae;
using small::value;
using testing::DoubleFamily;
using testing::draw;
using testing::expect_gradient_of_finite_differences;
using testing::list;

DoubleFamily conditional_vae(int64_t importance_samples) {
  config::Vae vae = small_vae();
  vae.conditional = true;
  vae.importance_samples = importance_samples;
  DoubleFamily family(vae, {.shape = {.channels = 3}, .classes = 3, .size = 40});
  family.labels = at::tensor(std::vector<int64_t>{2, 0, 1, 1, 0});
  return family;
}

TEST(ConditionalVae, HasTheGradientOfTheWholeLoss) {
  DoubleFamily family = conditional_vae(1);
  EXPECT_TRUE(family.objective().conditional());
  expect_gradient_of_finite_differences(family, "elbo", draw({kBatch, 3}, "x"));
}

// Each sample goes with its own label through both networks, in every copy of it.
TEST(ConditionalVae, LossOfABatchIsTheMeanOverItsSamplesWithTheirLabels) {
  for (const int64_t importance_samples : {1, 3}) {
    DoubleFamily family = conditional_vae(importance_samples);
    const Phase& phase = family.phase("elbo");
    const PhaseInput whole = family.input(phase, draw({kBatch, 3}, "x"));
    const auto total = [&](const PhaseInput& in) {
      double sum = 0;
      for (const auto& term : phase.losses(in).losses) sum += value(term.value) * term.weight;
      return sum;
    };
    double mean = 0;
    for (int64_t i = 0; i < static_cast<int64_t>(kBatch); ++i) {
      PhaseInput one = whole;
      one.samples = whole.samples.narrow(0, i, 1);
      one.labels = whole.labels.narrow(0, i, 1);
      one.noises[0].second = whole.noises[0].second.narrow(0, i, 1);
      mean += total(one) / kBatch;
    }
    EXPECT_NEAR(total(whole), mean, 1e-12);
    PhaseInput others = whole;
    others.labels = (whole.labels + 1).remainder(3);
    EXPECT_GT(std::abs(total(others) - mean), 1e-3);
  }
}

TEST(ConditionalVae, GeneratesForALabel) {
  DoubleFamily family = conditional_vae(1);
  const PhaseInput in = family.input(family.phase("elbo"), draw({kBatch, 3}, "x"));
  const at::Tensor latent = draw({1, kLatent}, "latent").expand({3, kLatent});
  const auto x = list(
      family.objective().generate(in.forward, latent, at::tensor(std::vector<int64_t>{0, 1, 0})));
  EXPECT_NE(x[0], x[3]);
  EXPECT_EQ(x[0], x[6]);
}

TEST(VaeChecks, NameTheFieldOfACombinationWithoutSense) {
  struct Case {
    const char* path;
    void (*set)(config::RunConfig&, config::Vae&);
  };
  const Case cases[] = {
      {"vae.importance_samples",
       [](auto&, auto& vae) { vae.importance_samples = 2, vae.free_bits = 0.1; }},
      {"vae.importance_samples",
       [](auto&, auto& vae) { vae.importance_samples = 2, vae.total_correlation = 2; }},
      {"vae.importance_samples",
       [](auto&, auto& vae) { vae.importance_samples = 2, vae.beta = 2; }},
      {"vae.total_correlation",
       [](auto&, auto& vae) { vae.total_correlation = 2, vae.free_bits = 0.1; }},
      {"vae.total_correlation",
       [](auto& run, auto& vae) { vae.total_correlation = 2, run.batch = 1; }},
      {"vae.total_correlation",
       [](auto& run, auto& vae) { vae.total_correlation = 2, run.microbatches = 2; }},
      {"vae.free_bits", [](auto& run, auto& vae) { vae.free_bits = 2, run.microbatches = 2; }},
      {"vae.kl_warmup_steps", [](auto&, auto& vae) { vae.kl_schedule = "linear"; }},
      {"vae.kl_warmup_steps", [](auto&, auto& vae) { vae.kl_warmup_steps = 5; }},
      {"vae.inference_until", [](auto&, auto& vae) { vae.inference_until = 5; }},
      {"vae.likelihood", [](auto&, auto& vae) { vae.likelihood = "bernoulli"; }},
      {"vae.conditional", [](auto&, auto& vae) { vae.conditional = true; }},
  };
  for (const auto& [path, set] : cases) {
    config::RunConfig run;
    config::Vae vae = small_vae();
    set(run, vae);
    run.family = vae;
    std::vector<ConfigurationError> errors;
    EXPECT_EQ(make_objective(run, points(), errors), nullptr);
    ASSERT_FALSE(errors.empty()) << path;
    EXPECT_EQ(errors[0].path, path) << errors[0].message;
  }
}

}  // namespace
}  // namespace allmodes::objectives
