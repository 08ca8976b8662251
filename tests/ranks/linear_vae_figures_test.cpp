// Figures of the linear VAE in closed form, and of aggregate posteriors.
//
// its optimum, with t = beta s2: unit i active where l_i > t; decoder column of square norm
// l_i - t; posterior mean sqrt(l_i - t) / l_i times the coordinate, variance t / l_i; hence
// Var(mu_i) = 1 - t / l_i, KL_i = 1/2 ln(l_i / t), aggregate posterior N(0, 1), and coordinate i
// reconstructed as (1 - t / l_i) of itself (Lucas et al., "Don't blame the ELBO!", 2019).

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diagnostics/verdict/witnesses.h"
#include "ranks/collectors_fixture.h"

namespace allmodes::diagnostics {
namespace {

using fixture::evaluate;
using fixture::expect_same_on_all_ranks;
using fixture::Figures;
using fixture::once;
using fixture::Problem;
using fixture::RankTrainer;

constexpr std::array kEigenvalues = {4.0, 1.5, 0.5, 0.1};
constexpr int64_t kValues = 4;
constexpr int64_t kCount = 600;  // three chunks

at::Tensor normal(std::vector<int64_t> shape, const char* purpose) {
  const at::Tensor values = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  fill_normal({.seed = 8, .purpose = Purpose(purpose)}, 0, 1, values.numel(),
              values.data_ptr<float>());
  return values.to(at::kDouble);
}

// Rows with mean 0 and population covariance I, exactly.
at::Tensor whitened(const at::Tensor& rows) {
  const at::Tensor centred = rows - rows.mean(0, /*keepdim=*/true);
  const at::Tensor covariance =
      at::matmul(centred.t(), centred) / static_cast<double>(rows.size(0));
  return at::linalg_solve_triangular(at::linalg_cholesky(covariance), centred.t(), false).t();
}

// Gaussian data whose sample covariance has kEigenvalues along a rotation's columns.
struct LinearData {
  at::Tensor rotation = rotate();
  at::Tensor mean = normal({kValues}, "mean");
  std::shared_ptr<const data::Dataset> dataset;

  LinearData() {
    at::Tensor coordinates = whitened(normal({kCount, kValues}, "coordinates")).contiguous();
    for (int64_t i = 0; i < kValues; ++i)
      coordinates.select(1, i).mul_(std::sqrt(kEigenvalues[static_cast<size_t>(i)]));
    const at::Tensor rows =
        (at::matmul(coordinates, rotation.t()) + mean).to(at::kFloat).contiguous();
    std::vector<float> values(rows.data_ptr<float>(), rows.data_ptr<float>() + rows.numel());
    dataset = data::make_array_dataset("gaussian", {.channels = kValues}, std::move(values), {});
  }

 private:
  // The whitened rows of a square root: an orthogonal matrix by Gram and Schmidt.
  static at::Tensor rotate() {
    const at::Tensor a = normal({kValues, kValues}, "rotation");
    return at::linalg_solve_triangular(at::linalg_cholesky(at::matmul(a, a.t())), a, false)
        .contiguous();
  }
};

Problem linear_vae(const LinearData& data, double variance, double beta) {
  config::Vae vae;
  vae.latent.dimension = kValues;
  vae.encoder.layers = {{config::Linear{.units = 2 * kValues}}};
  vae.decoder.layers = {{config::Linear{.units = kValues}}};
  vae.likelihood = "gaussian";
  vae.variance = variance;
  vae.beta = beta;
  vae.optimizer = {.learning_rate = 0.02, .beta1 = 0.9, .decay = "cosine", .ema_decay = 0.99};
  config::RunConfig config = ::allmodes::testing::short_run(2, 200, 1500);
  config.family = vae;
  config.diagnostics.samples = 2 * kCount;
  return {config, data.dataset};
}

// The optimum in closed form; averaged and current weights alike.
void set_optimum(training::Model& model, const LinearData& data, double t) {
  const at::NoGradGuard no_grad;
  const auto double_zeros = at::TensorOptions().dtype(at::kDouble);
  at::Tensor encoder = at::zeros({2 * kValues, kValues}, double_zeros);
  at::Tensor decoder = at::zeros({kValues, kValues}, double_zeros);
  at::Tensor log_variance = at::zeros({kValues}, double_zeros);
  for (int64_t i = 0; i < kValues; ++i) {
    const double eigenvalue = kEigenvalues[static_cast<size_t>(i)];
    if (eigenvalue <= t) continue;
    const at::Tensor direction = data.rotation.select(1, i);
    encoder.select(0, i).copy_(direction * (std::sqrt(eigenvalue - t) / eigenvalue));
    decoder.select(1, i).copy_(direction * std::sqrt(eigenvalue - t));
    log_variance.select(0, i).fill_(std::log(t / eigenvalue));
  }
  const at::Tensor shift = at::matmul(encoder.narrow(0, 0, kValues), data.mean).neg();
  auto& e = model.at("encoder").flat;
  auto& d = model.at("decoder").flat;
  for (auto* views : {&e.parameter_views, &e.average_views}) {
    (*views)[0].detach().copy_(encoder);
    (*views)[1].detach().copy_(at::cat({shift, log_variance}));
  }
  for (auto* views : {&d.parameter_views, &d.average_views}) {
    (*views)[0].detach().copy_(decoder);
    (*views)[1].detach().copy_(data.mean);
  }
}

// The closed form, each figure within `slack`.
void expect_closed_form(const Figures& figures, double t, double slack) {
  double kl_total = 0, error = 0, spread = 0;
  std::vector<double> kl;  // falling, as the eigenvalues are
  int64_t active = 0;
  for (const double eigenvalue : kEigenvalues) {
    const bool is_active = eigenvalue > t;
    kl.push_back(is_active ? 0.5 * std::log(eigenvalue / t) : 0);
    kl_total += kl.back();
    active += is_active ? 1 : 0;
    error += is_active ? t * t / eigenvalue : eigenvalue;
    spread += eigenvalue;
  }
  const auto& record = figures.record;
  const auto found = std::get<std::vector<double>>(*record.find("kl_per_dim"));
  ASSERT_EQ(found.size(), kl.size());
  for (size_t i = 0; i < kl.size(); ++i) EXPECT_NEAR(found[i], kl[i], slack) << i;
  EXPECT_NEAR(*record.number("kl_total"), kl_total, slack);
  EXPECT_NEAR(*record.number("aggregate_kl"), 0, slack);
  EXPECT_NEAR(*record.number("r2_mean"), 1 - error / spread, slack);
  EXPECT_EQ(*record.number("active_units"), static_cast<double>(active));
  EXPECT_EQ(*record.number("latent_dimensions"), static_cast<double>(kValues));
}

struct Setting {
  double variance, beta;
};
constexpr Setting kSettings[] = {{0.05, 1}, {0.05, 4}, {1, 1}, {0.5, 4}};  // t: 0.05, 0.2, 1, 2

TEST(LinearVae, FiguresAreTheClosedFormOnAnyNumberOfRanks) {
  const LinearData data;
  for (const auto& [variance, beta] : kSettings) {
    const double t = variance * beta;
    SCOPED_TRACE(fmt::format("beta s2 = {}", t));
    expect_same_on_all_ranks(
        linear_vae(data, variance, beta),
        [&](RankTrainer& trainer) { set_optimum(trainer.model(), data, t); },
        [&](const Figures& figures) { expect_closed_form(figures, t, 1e-5); });
  }
}

// Units without use are no fault: they are what the optimum asks for.
TEST(LinearVae, DeadUnitsOfTheOptimumAreHealthy) {
  const LinearData data;
  expect_same_on_all_ranks(
      linear_vae(data, 1, 1), [&](RankTrainer& trainer) { set_optimum(trainer.model(), data, 1); },
      [&](const Figures& figures) {
        EXPECT_EQ(figures.evidence.active_units, 2);
        const auto verdict = judge(figures.evidence, {}, once());
        EXPECT_NE(verdict.state, State::collapsed) << verdict.reason;
      });
}

TEST(LinearVae, CollapsesWhollyWhereThePriceExceedsTheLargestEigenvalue) {
  const LinearData data;
  for (const double t : {4.0, 6.0}) {
    expect_same_on_all_ranks(
        linear_vae(data, t / 2, 2),
        [&](RankTrainer& trainer) { set_optimum(trainer.model(), data, t); },
        [&](const Figures& figures) {
          expect_closed_form(figures, t, 1e-5);
          EXPECT_NEAR(*figures.evidence.decoder_sensitivity, 0, 1e-9);
          Evidence evidence = figures.evidence;
          evidence.step = 1000;
          evidence.diversity_ratio.reset();
          const auto verdict = judge(evidence, {}, once());
          EXPECT_EQ(verdict.state, State::collapsed);
          EXPECT_EQ(verdict.kind, "posterior_collapse") << verdict.reason;
        });
  }
}

// Codes that are exactly the data, whose population covariance is I, then moved, shrunk to a point.
TEST(AggregatePosterior, IsJudgedByItsDistanceFromThePrior) {
  const at::Tensor rows = whitened(normal({kCount, kValues}, "codes")).to(at::kFloat).contiguous();
  std::vector<float> values(rows.data_ptr<float>(), rows.data_ptr<float>() + rows.numel());
  config::WaeMmd wae;
  wae.latent.dimension = kValues;
  wae.encoder.layers = wae.decoder.layers = {{config::Linear{.units = kValues}}};
  wae.likelihood = "gaussian";
  config::RunConfig config = ::allmodes::testing::short_run(2, 200);
  config.family = wae;
  const Problem problem{
      config, data::make_array_dataset("gaussian", {.channels = kValues}, std::move(values), {})};
  struct Case {
    double scale, shift;
    bool mismatch;
    int64_t rank;
  };
  for (const auto& [scale, shift, mismatch, rank] :
       {Case{1, 0, false, 4}, Case{1, 1.2, true, 4}, Case{0, 0, true, 0}}) {
    SCOPED_TRACE(fmt::format("{} x + {}", scale, shift));
    const auto self = world::make_self_communicator();
    RankTrainer trainer(problem, *self);
    const at::NoGradGuard no_grad;
    const auto& encoder = trainer.model().at("encoder").flat.average_views;
    encoder[0].detach().copy_(at::eye(kValues) * scale);
    encoder[1].detach().fill_(shift);
    const auto figures = evaluate(problem, trainer, *self);
    const double null = *figures.record.number("aggregate_mmd_null_q99");
    EXPECT_EQ(*figures.evidence.aggregate_mmd > null, mismatch);
    EXPECT_EQ(*figures.record.number("code_rank"), static_cast<double>(rank));
    EXPECT_EQ(*figures.record.number("dead_dimensions"), static_cast<double>(kValues - rank));
    EXPECT_NEAR(*figures.record.number("aggregate_mmd_null_mean"), 0, null / 5);
    const auto witness = witness_aggregate(figures.evidence);
    EXPECT_EQ(witness.has_value(), mismatch);
  }
}

// Without the divergence the codes go where they like; each family brings them to the prior.
TEST(AggregatePosterior, IsBroughtToThePriorByEveryFamilyThatMatchesIt) {
  const auto discrepancy_of = [](const config::Family& family) {
    Problem problem = ::allmodes::testing::image_autoencoder<config::WaeMmd>();
    problem.config.family = family;
    problem.config.diagnostics.classifier = false;
    const auto self = world::make_self_communicator();
    RankTrainer trainer(problem, *self);
    for (uint64_t step = 0; step < 300; ++step) trainer.step(step);
    return *evaluate(problem, trainer, *self, false).evidence.aggregate_discrepancy;
  };
  const auto family_of = []<class Family>(Family) {
    return std::get<Family>(::allmodes::testing::image_autoencoder<Family>().config.family);
  };
  auto wae = family_of(config::WaeMmd{});
  wae.lambda = 0;
  const double free = discrepancy_of(wae);
  EXPECT_GT(free, 0.1);
  wae.lambda = 100;
  EXPECT_LT(discrepancy_of(wae), free / 4);
  auto infovae = family_of(config::InfoVae{});
  EXPECT_LT(discrepancy_of(infovae), free / 4);
  auto aae = family_of(config::Aae{});
  aae.code_optimizer.learning_rate = aae.discriminator_optimizer.learning_rate = 2e-3;
  EXPECT_LT(discrepancy_of(aae), free / 2);
  auto wae_gan = family_of(config::WaeGan{});
  wae_gan.discriminator_optimizer.learning_rate = 2e-3;
  EXPECT_LT(discrepancy_of(wae_gan), free / 2);
}

TEST(LinearVae, TrainingReachesTheClosedForm) {
  const LinearData data;
  for (const auto& [variance, beta] : {Setting{0.7, 1}, Setting{2.5, 2}}) {
    SCOPED_TRACE(fmt::format("beta s2 = {}", variance * beta));
    const Problem problem = linear_vae(data, variance, beta);
    const auto self = world::make_self_communicator();
    RankTrainer trainer(problem, *self);
    for (uint64_t step = 0; step < static_cast<uint64_t>(problem.config.steps); ++step)
      trainer.step(step);
    expect_closed_form(evaluate(problem, trainer, *self), variance * beta, 0.02);
  }
}

}  // namespace
}  // namespace allmodes::diagnostics
