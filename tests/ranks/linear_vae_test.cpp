// What the linear VAE's closed form says of collapse (Lucas et al., arXiv 1911.02469): trained, a
// latent dimension is used exactly when its eigenvalue exceeds beta times the decoder's variance.

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "data/array_dataset.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/verdict/verdict.h"
#include "ranks/training_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::Problem;
using testing::RankTrainer;

constexpr std::array kEigenvalues = {4.0, 2.0, 1.0, 0.4};
constexpr auto kDimensions = static_cast<int64_t>(kEigenvalues.size());
constexpr double kVariance = 0.5;  // of the decoder

// The points +-sqrt(d lambda_i) e_i, whose covariance is diag(lambda) exactly.
Problem linear_vae(double beta, double variance = kVariance) {
  std::vector<float> points;
  for (size_t i = 0; i < kEigenvalues.size(); ++i)
    for (const double sign : {-1.0, 1.0})
      for (size_t j = 0; j < kEigenvalues.size(); ++j)
        points.push_back(static_cast<float>(
            i == j ? sign * std::sqrt(static_cast<double>(kDimensions) * kEigenvalues[i]) : 0));
  config::Vae vae;
  vae.latent.dimension = kDimensions;
  vae.encoder.layers = {{config::Linear{.units = 2 * kDimensions}}};
  vae.decoder.layers = {{config::Linear{.units = kDimensions}}};
  vae.optimizer = {.learning_rate = 2e-2, .beta1 = 0.9, .decay = "linear", .ema_decay = 0.98};
  vae.likelihood = "gaussian";
  vae.variance = variance;
  vae.beta = beta;
  config::RunConfig config = testing::short_run(3, 64, 800);
  config.family = vae;
  return {config,
          data::make_array_dataset("axes", {.channels = kDimensions}, std::move(points), {})};
}

struct Trained {
  diagnostics::LatentSums sums;
  double kl = 0;
  int64_t active = 0;
};

Trained train(const Problem& problem) {
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  for (int64_t step = 0; step < problem.config.steps; ++step)
    trainer.step(static_cast<uint64_t>(step));
  const at::NoGradGuard no_grad;
  Trained found{diagnostics::make_latent_sums(kDimensions)};
  const auto q =
      trainer.objective().encode(trainer.model().evaluation_forward(), trainer.next().samples, {});
  const at::Tensor mean = q.mean.contiguous(), log_variance = q.log_variance.contiguous();
  const auto values = [](const at::Tensor& x) {
    return std::span<const float>(x.data_ptr<float>(), static_cast<size_t>(x.numel()));
  };
  add(found.sums, values(mean), values(log_variance));
  found.kl = diagnostics::kl_total(found.sums);
  found.active = diagnostics::active_units(found.sums);
  return found;
}

TEST(LinearVae, KeepsTheUnitsWhoseEigenvalueExceedsBetaTimesTheVariance) {
  for (const double beta : {0.4, 1.4, 2.8, 5.6, 12.0}) {
    const double threshold = beta * kVariance;
    int64_t active = 0;
    double kl = 0;
    for (const double lambda : kEigenvalues) {
      if (lambda <= threshold) continue;
      ++active;
      kl += 0.5 * std::log(lambda / threshold);
    }
    const Trained found = train(linear_vae(beta));
    EXPECT_EQ(found.active, active) << "beta " << beta;
    EXPECT_NEAR(found.kl, kl, 0.02 + 0.03 * kl) << "beta " << beta;
  }
}

TEST(LinearVae, CollapsesWhenItsVarianceExceedsTheLargestEigenvalueAndTheVerdictSaysSo) {
  const auto verdict_of = [](double variance) {
    const Trained found = train(linear_vae(1, variance));
    config::Verdict levels;
    levels.witnesses = 1;      // the encoder alone
    levels.confirmations = 1;  // and this evaluation alone
    return diagnostics::judge({.step = 800,
                               .kl_total = found.kl,
                               .active_units = found.active,
                               .latent_dimensions = kDimensions},
                              {}, levels);
  };
  const auto above = verdict_of(1.5 * kEigenvalues[0]);
  EXPECT_EQ(above.state, diagnostics::State::collapsed);
  EXPECT_EQ(above.kind, "posterior_collapse");
  EXPECT_EQ(verdict_of(0.5 * kEigenvalues[0]).state, diagnostics::State::healthy);
}

TEST(LinearVae, FreeBitsHoldUnitsThatThePlainLossGivesUp) {
  Problem problem = linear_vae(1, 1.5 * kEigenvalues[0]);
  problem.vae().free_bits = 0.5;
  const Trained found = train(problem);
  EXPECT_EQ(found.active, kDimensions);
  for (const double kl : diagnostics::kl_per_dimension(found.sums)) EXPECT_NEAR(kl, 0.5, 0.05);
}

TEST(LinearVae, WarmUpHoldsAllUnitsWhileTheWeightIsSmall) {
  Problem problem = linear_vae(12);
  problem.vae().kl_schedule = "linear";
  problem.vae().kl_warmup_steps = 50 * problem.config.steps;
  EXPECT_EQ(train(problem).active, kDimensions);
}

}  // namespace
}  // namespace allmodes::objectives
