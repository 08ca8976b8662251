// The variants of the VAE's loss against their formulas by plain loops, their gradients against
// finite differences, their values on several ranks, and what they do to a linear VAE.

#include <ATen/ops/remainder.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "data/array_dataset.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/verdict/verdict.h"
#include "gradients/coupling.h"
#include "objectives/autoencoder.h"
#include "objectives/kl_schedule.h"
#include "objectives/registry.h"
#include "objectives/vae_terms.h"
#include "ranks/gradients_over_ranks.h"
#include "ranks/objective_fixture.h"
#include "ranks/small_vae.h"

namespace allmodes::objectives {
namespace {

using testing::DoubleFamily;
using testing::draw;
using testing::expect_gradient_of_finite_differences;
using testing::expect_gradient_of_the_whole_batch;
using testing::image_vae;
using testing::list;
using testing::Problem;
using Doubles = std::vector<double>;
using small::kBatch;
using small::kLatent;
using small::points;
using small::small_vae;
using small::some_posterior;
using small::value;

double log_normal(double x, double mean, double log_variance) {
  return -0.5 * ((x - mean) * (x - mean) * std::exp(-log_variance) + log_variance +
                 std::log(2 * std::numbers::pi));
}

// ---- the schedule ---------------------------------------------------------------------------

TEST(KlSchedule, LinearReachesBetaAtItsLastStepAndStays) {
  EXPECT_EQ(kl_weight("linear", 4, 100, 0), 0);
  EXPECT_EQ(kl_weight("linear", 4, 100, 25), 1);
  EXPECT_EQ(kl_weight("linear", 4, 100, 100), 4);
  EXPECT_EQ(kl_weight("linear", 4, 100, 100000), 4);
  EXPECT_EQ(kl_weight("constant", 4, 0, 0), 4);
}

TEST(KlSchedule, ACycleRisesInItsFirstHalfAndRestsInItsSecond) {
  for (const uint64_t cycle : {0U, 1U, 7U}) {
    EXPECT_EQ(kl_weight("cyclical", 2, 100, 100 * cycle), 0);
    EXPECT_EQ(kl_weight("cyclical", 2, 100, 100 * cycle + 25), 1);
    EXPECT_EQ(kl_weight("cyclical", 2, 100, 100 * cycle + 50), 2);
    EXPECT_EQ(kl_weight("cyclical", 2, 100, 100 * cycle + 99), 2);
  }
}

TEST(KlSchedule, WeighsTheTermAndIsObserved) {
  config::Vae vae = small_vae();
  vae.beta = 2;
  vae.kl_schedule = "linear";
  vae.kl_warmup_steps = 10;
  DoubleFamily family(vae, points());
  const Phase& phase = family.phase("elbo");
  family.step = 5;
  const PhaseOutput out = phase.losses(family.input(phase, draw({kBatch, 3}, "x")));
  ASSERT_EQ(out.losses.size(), 2U);
  EXPECT_EQ(out.losses[1].name, "kl");
  EXPECT_EQ(value(out.losses[1].factor) * out.losses[1].weight, 1);
  ASSERT_EQ(out.observations.size(), 1U);
  EXPECT_EQ(out.observations[0].name, "kl_weight");
  EXPECT_EQ(value(out.observations[0].value), 1);
}

// ---- terms ----------------------------------------------------------------------------------

TEST(FreeBits, AreASumOverDimensionsOfTheLargerOfLambdaAndTheMean) {
  const at::Tensor kl = draw({kBatch, 3}, "kl", /*uniform=*/true);
  const auto values = list(kl);
  for (const double lambda : {0.0, 0.4, 0.5, 2.0}) {
    double sum = 0;
    for (size_t j = 0; j < 3; ++j) {
      double mean = 0;
      for (size_t i = 0; i < kBatch; ++i) mean += values[3 * i + j] / kBatch;
      sum += std::max(lambda, mean);
    }
    EXPECT_NEAR(value(free_bits(kl, lambda, {})), sum, 1e-14) << lambda;
  }
}

// Where some ranks' own means are below lambda and the mean over all of them is above.
TEST(FreeBits, AreThoseOfTheWholeBatchOnAnyNumberOfRanks) {
  constexpr int64_t kRows = 8;
  const at::Tensor kl = draw({kRows, 3}, "kl", /*uniform=*/true);
  const double lambda = value(kl.mean(0)[0]) - 1e-3;
  const at::Tensor whole = kl.clone().requires_grad_(true);
  const at::Tensor expected = free_bits(whole, lambda, {});
  gradients::backward(expected);
  for (const int size : {2, 4}) {
    const int64_t count = kRows / size;
    EXPECT_LT(value(kl.view({size, count, 3}).mean(1).select(1, 0).min()), lambda);
    testing::run_ranks(size, [&](world::Communicator& ranks) {
      const int64_t first = count * ranks.rank();
      const at::Tensor part = kl.narrow(0, first, count).clone().requires_grad_(true);
      const Coupling coupling{
          .mean = [&](const at::Tensor& x) { return gradients::mean_over_ranks(x, ranks); }};
      const at::Tensor found = free_bits(part, lambda, coupling);
      gradients::backward(found);
      EXPECT_NEAR(value(found), value(expected), 1e-14);
      // The reducer's mean over ranks divides by their number.
      EXPECT_LT(value((part.grad() / size - whole.grad().narrow(0, first, count)).abs().max()),
                1e-15);
    });
  }
}

TEST(ImportanceWeightedBound, IsItsFormula) {
  const at::Tensor cost = draw({kBatch, 4}, "cost") * 3, ratio = draw({kBatch, 4}, "ratio");
  const auto c = list(cost), r = list(ratio);
  double bound = 0;
  for (size_t i = 0; i < kBatch; ++i) {
    double sum = 0;
    for (size_t k = 0; k < 4; ++k) sum += std::exp(-c[4 * i + k] - r[4 * i + k]) / 4;
    bound -= std::log(sum) / kBatch;
  }
  EXPECT_NEAR(value(importance_weighted_bound(cost, ratio)), bound, 1e-13);
}

TEST(ImportanceWeightedBound, OfOneSampleIsTheElbo) {
  const Objective::Posterior q = some_posterior();
  const at::Tensor noise = draw({kBatch, 1, kLatent}, "noise");
  const Objective::Posterior each{q.mean.unsqueeze(1), q.log_variance.unsqueeze(1)};
  const at::Tensor z = sample_posterior(each, noise);
  const at::Tensor ratio = log_density_ratio(each, z, noise);
  const at::Tensor cost = draw({kBatch, 1}, "cost");
  const auto m = list(q.mean), v = list(q.log_variance), codes = list(z);
  double elbo = value(cost.mean());
  for (size_t i = 0; i < codes.size(); ++i)
    elbo += (log_normal(codes[i], m[i], v[i]) - log_normal(codes[i], 0, 0)) / kBatch;
  EXPECT_NEAR(value(importance_weighted_bound(cost, ratio)), elbo, 1e-12);
}

// Jensen's inequality holds draw by draw against the mean of the k bounds of one sample.
TEST(ImportanceWeightedBound, IsAtLeastTheElboAndGrowsWithItsSamples) {
  const at::Tensor cost = draw({2000, 8}, "cost"), ratio = draw({2000, 8}, "ratio");
  const double one = value((cost + ratio).mean());
  const auto pairs = [](const at::Tensor& x) { return x.reshape({8000, 2}); };
  const double two = value(importance_weighted_bound(pairs(cost), pairs(ratio)));
  const double eight = value(importance_weighted_bound(cost, ratio));
  EXPECT_LT(two, one - 0.1);
  EXPECT_LT(eight, two - 0.1);
}

// With the true posterior every weight is p(x): the bound is exact for any number of samples.
TEST(ImportanceWeightedBound, IsTheEvidenceForTheTruePosterior) {
  // p(z) = N(0, 1), p(x|z) = N(z, s2): p(x) = N(0, 1 + s2), p(z|x) = N(x / (1 + s2), s2 / (1 +
  // s2)).
  constexpr double kVariance = 0.3;
  const at::Tensor x = draw({kBatch, 1}, "x");
  const Objective::Posterior q{
      x.unsqueeze(1) / (1 + kVariance),
      at::zeros({kBatch, 1, 1}, at::kDouble) + std::log(kVariance / (1 + kVariance))};
  const at::Tensor noise = draw({kBatch, 3, 1}, "noise");
  const at::Tensor z = sample_posterior(q, noise);
  const at::Tensor cost =
      ((z.squeeze(2) - x).square() / kVariance + std::log(2 * std::numbers::pi * kVariance)) * 0.5;
  double evidence = 0;
  for (const double v : list(x)) evidence -= log_normal(v, 0, std::log(1 + kVariance)) / kBatch;
  EXPECT_NEAR(value(importance_weighted_bound(cost, log_density_ratio(q, z, noise))), evidence,
              1e-12);
}

struct Parts {
  double mutual_information = 0, total_correlation = 0, dimension_kl = 0;
};

// The stratified estimate by loops over codes, samples and dimensions.
Parts parts_by_loops(const Objective::Posterior& posterior, const at::Tensor& z, double size) {
  const auto mean = list(posterior.mean), log_variance = list(posterior.log_variance),
             codes = list(z);
  const size_t n = codes.size() / kLatent;
  Parts parts;
  for (size_t i = 0; i < n; ++i) {
    double own = 0, prior = 0, product = 0, joint = 0;
    Doubles of_dimension(kLatent);
    for (size_t s = 0; s < n; ++s) {
      const double share = s == i ? 1 / size : (size - 1) / size / static_cast<double>(n - 1);
      double log_q = 0;
      for (size_t j = 0; j < kLatent; ++j) {
        const double one = log_normal(codes[kLatent * i + j], mean[kLatent * s + j],
                                      log_variance[kLatent * s + j]);
        log_q += one;
        of_dimension[j] += share * std::exp(one);
      }
      joint += share * std::exp(log_q);
      if (s == i) own = log_q;
    }
    for (size_t j = 0; j < kLatent; ++j) {
      product += std::log(of_dimension[j]);
      prior += log_normal(codes[kLatent * i + j], 0, 0);
    }
    const auto count = static_cast<double>(n);
    parts.mutual_information += (own - std::log(joint)) / count;
    parts.total_correlation += (std::log(joint) - product) / count;
    parts.dimension_kl += (product - prior) / count;
  }
  return parts;
}

TEST(TotalCorrelation, IsItsFormulaAndTheThreePartsSumToTheKl) {
  const Objective::Posterior q = some_posterior();
  const at::Tensor noise = draw({kBatch, kLatent}, "noise");
  const at::Tensor z = sample_posterior(q, noise);
  const KlParts parts = decompose_kl(q, z, 40, {});
  const Parts expected = parts_by_loops(q, z, 40);
  EXPECT_NEAR(value(parts.mutual_information), expected.mutual_information, 1e-12);
  EXPECT_NEAR(value(parts.total_correlation), expected.total_correlation, 1e-12);
  EXPECT_NEAR(value(parts.dimension_kl), expected.dimension_kl, 1e-12);
  const double kl = value(log_density_ratio(q, z, noise).mean());
  EXPECT_NEAR(expected.mutual_information + expected.total_correlation + expected.dimension_kl, kl,
              1e-12);
}

// Codes that are copies of each other: q(z1, z2) on a line. With z1 and z2 Gaussian of correlation
// r the total correlation is -1/2 ln(1 - r^2).
TEST(TotalCorrelation, OfACorrelatedAggregateIsTheClosedForm) {
  constexpr int64_t kRows = 700;
  constexpr double kNoise = 0.25;
  const at::Tensor shared = draw({kRows, 1}, "shared").expand({kRows, 2});
  const Objective::Posterior q{shared * std::sqrt(1 - kNoise),
                               at::zeros({kRows, 2}, at::kDouble) + std::log(kNoise)};
  const at::Tensor z = sample_posterior(q, draw({kRows, 2}, "noise"));
  const double r = 1 - kNoise;
  const KlParts parts = decompose_kl(q, z, 1'000'000, {});
  EXPECT_NEAR(value(parts.total_correlation), -0.5 * std::log(1 - r * r), 0.06);
  EXPECT_NEAR(value(parts.dimension_kl), 0, 0.06);  // each is N(0, 1)
}

TEST(GaussianLearned, IsTheLogDensityWithItsConstant) {
  const at::Tensor output = draw({kBatch, 6}, "output"), x = draw({kBatch, 3}, "x");
  const auto o = list(output), samples = list(x);
  const auto costs = list(likelihoods().at("gaussian_learned").negative_log(output, x, 7));
  for (size_t i = 0; i < kBatch; ++i) {
    double cost = 0;
    for (size_t j = 0; j < 3; ++j)
      cost -= log_normal(samples[3 * i + j], o[6 * i + j], 8 * std::tanh(o[6 * i + 3 + j] / 8));
    EXPECT_NEAR(costs[i], cost, 1e-12);
  }
  EXPECT_EQ(list(likelihoods().at("gaussian_learned").mean(output))[4], o[7]);
}

// ---- the whole loss -------------------------------------------------------------------------

struct Variant {
  const char* name;
  void (*set)(config::Vae&);
};

constexpr Variant kVariants[] = {
    {"beta", [](config::Vae& vae) { vae.beta = 2.5; }},
    {"free bits", [](config::Vae& vae) { vae.free_bits = 0.01; }},
    {"importance-weighted", [](config::Vae& vae) { vae.importance_samples = 3; }},
    {"total correlation", [](config::Vae& vae) { vae.total_correlation = 6; }},
    {"learned variance", [](config::Vae& vae) { vae.likelihood = "gaussian_learned"; }},
    {"inference", [](config::Vae& vae) { vae.inference_steps = 1; }},
};

TEST(VaeVariants, HaveTheGradientOfTheWholeLoss) {
  for (const auto& [name, set] : kVariants) {
    SCOPED_TRACE(name);
    config::Vae vae = small_vae();
    set(vae);
    DoubleFamily family(vae, points());
    for (const Phase& phase : family.objective().phases())
      expect_gradient_of_finite_differences(family, phase.name, draw({kBatch, 3}, "x"));
  }
}

TEST(VaeVariants, HaveTheGradientOfOneProcessOnManyRanks) {
  for (const auto& [name, set] : kVariants) {
    SCOPED_TRACE(name);
    Problem problem = image_vae();
    problem.vae().likelihood = "gaussian";
    set(problem.vae());
    expect_gradient_of_the_whole_batch(problem, 2);
  }
}

TEST(ImportanceWeightedVae, LossIsItsFormula) {
  config::Vae vae = small_vae();
  vae.importance_samples = 3;
  DoubleFamily family(vae, points());
  const Phase& phase = family.phase("elbo");
  const at::Tensor x = draw({kBatch, 3}, "x");
  const PhaseInput in = family.input(phase, x);
  const auto q = list(family.forward("encoder", x)), noise = list(in.noise("posterior")),
             samples = list(x);
  ASSERT_EQ(noise.size(), kBatch * 3 * kLatent);
  double loss = 0;
  for (size_t i = 0; i < kBatch; ++i) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) {
      const at::Tensor z = at::zeros({1, kLatent}, at::kDouble);
      double log_weight = 0;
      for (size_t j = 0; j < kLatent; ++j) {
        const double mean = q[4 * i + j], log_variance = q[4 * i + 2 + j];
        const double code = mean + std::exp(0.5 * log_variance) * noise[(3 * i + k) * kLatent + j];
        z.data_ptr<double>()[j] = code;
        log_weight += log_normal(code, 0, 0) - log_normal(code, mean, log_variance);
      }
      const auto output = list(family.forward("decoder", z));
      for (size_t j = 0; j < 3; ++j)
        log_weight -= std::pow(output[j] - samples[3 * i + j], 2) / (2 * 0.4);
      sum += std::exp(log_weight) / 3;
    }
    loss -= std::log(sum) / kBatch;
  }
  EXPECT_NEAR(value(family.total(phase, x)), loss, 1e-12);
}

TEST(TotalCorrelationVae, WeighsTheMiddlePartOnTopOfBeta) {
  config::Vae vae = small_vae();
  vae.beta = 1.5;
  vae.total_correlation = 6;
  DoubleFamily family(vae, points());
  const Phase& phase = family.phase("elbo");
  const auto terms = phase.losses(family.input(phase, draw({kBatch, 3}, "x"))).losses;
  std::vector<std::pair<std::string, double>> weights;
  for (const auto& term : terms) weights.emplace_back(term.name, term.weight);
  EXPECT_EQ(weights, (std::vector<std::pair<std::string, double>>{{"reconstruction", 1},
                                                                  {"mutual_information", 1.5},
                                                                  {"total_correlation", 9},
                                                                  {"dimension_kl", 1.5}}));
}

TEST(InferenceSteps, TrainTheEncoderAloneOnBatchesOfTheirOwnUntilTheyEnd) {
  config::Vae vae = small_vae();
  vae.inference_steps = 2;
  vae.inference_until = 30;
  const DoubleFamily family(vae, points());
  const auto& phases = family.objective().phases();
  ASSERT_EQ(phases.size(), 3U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(phases[i].trains, std::vector<std::string>{"encoder"});
    EXPECT_TRUE(phases[i].reads_samples);
    EXPECT_TRUE(phases[i].runs_in(29));
    EXPECT_FALSE(phases[i].runs_in(30));
  }
  EXPECT_NE(phases[0].name, phases[1].name) << "phases of one name have the same noise";
  EXPECT_EQ(phases[2].trains, (std::vector<std::string>{"encoder", "decoder"}));
  EXPECT_TRUE(phases[2].runs_in(30));
}

}  // namespace
}  // namespace allmodes::objectives
