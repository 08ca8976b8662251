#include "objectives/mmd.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "diagnostics/latents/aggregate_posterior.h"
#include "gradients/coupling.h"
#include "gradients/gradient_hooks.h"
#include "ranks/training_fixture.h"
#include "training/noise.h"

namespace allmodes::objectives {
namespace {

using testing::joined;
using testing::kRankCounts;
using testing::on_ranks;

constexpr int64_t kRows = 8;
constexpr int64_t kDimension = 3;

at::Tensor rows_of(const char* purpose, int64_t first, int64_t count) {
  const at::Tensor rows = at::empty({count, kDimension}, at::kFloat);
  fill_normal({.seed = 4, .purpose = Purpose(purpose)}, static_cast<uint64_t>(first), count,
              kDimension, rows.data_ptr<float>());
  return rows;
}

std::vector<KernelFunction> kernels() {
  const config::Latent latent{.dimension = kDimension};
  return {make_kernel({.kind = "imq", .scale = 0.5}, latent),
          make_kernel({.kind = "rbf", .scale = 0.5}, latent)};
}

// As the formulas stand in kernel.h.
double kernel_of(const KernelFunction& function, const double* x, const double* y) {
  double distance = 0, sum = 0;
  for (int64_t k = 0; k < kDimension; ++k) distance += (x[k] - y[k]) * (x[k] - y[k]);
  if (!function.inverse_multiquadric) return std::exp(-distance / function.widths[0]);
  for (const double width : function.widths) sum += width / (width + distance);
  return sum;
}

double plain_mmd(const KernelFunction& function, const at::Tensor& codes, const at::Tensor& prior) {
  const auto* x = codes.data_ptr<double>();
  const auto* y = prior.data_ptr<double>();
  const int64_t n = codes.size(0);
  double within = 0, across = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const int64_t a = i * kDimension, b = j * kDimension;
      if (i != j) within += kernel_of(function, x + a, x + b) + kernel_of(function, y + a, y + b);
      across += kernel_of(function, x + a, y + b);
    }
  }
  const auto count = static_cast<double>(n);
  return within / (count * count - count) - 2 * across / (count * count);
}

TEST(Kernels, HaveTheWidthsOfTheirFormulas) {
  const config::Latent latent{.dimension = 5, .distribution = "uniform"};
  const auto imq = make_kernel({.kind = "imq", .scale = 3}, latent);
  ASSERT_EQ(imq.widths.size(), 7U);
  EXPECT_NEAR(imq.widths[0], 2 * 5 * (1.0 / 3) * 3 * 0.1, 1e-12);
  EXPECT_NEAR(imq.widths[6], 2 * 5 * (1.0 / 3) * 3 * 10, 1e-12);
  EXPECT_EQ(imq.at_zero(), 7);
  const auto rbf = make_kernel({.kind = "rbf", .scale = 3}, latent);
  ASSERT_EQ(rbf.widths.size(), 1U);
  EXPECT_NEAR(rbf.widths[0], 2 * 5 * (1.0 / 3) * 3, 1e-12);
}

TEST(PriorVariance, IsThatOfTheLatentsThatAreDrawn) {
  constexpr int64_t kDraws = 20'000;
  for (const config::Latent& latent :
       {config::Latent{.dimension = 3}, config::Latent{.dimension = 3, .distribution = "uniform"},
        config::Latent{.dimension = 3, .distribution = "sphere"},
        config::Latent{.dimension = 3, .distribution = "mixture"},
        config::Latent{.dimension = 2, .distribution = "mixture", .components = 1, .radius = 2},
        config::Latent{.dimension = 1, .distribution = "mixture", .components = 3, .radius = 2}}) {
    const at::Tensor drawn =
        training::make_noise(latent_noise("z", latent), {3, "test", 0, 0, kDraws}, at::kCPU)
            .to(at::kDouble);
    const double variance =
        (drawn - drawn.mean(0, /*keepdim=*/true)).square().mean().item<double>();
    EXPECT_NEAR(variance / prior_variance(latent), 1, 0.03)
        << latent.distribution << " " << latent.dimension << " " << latent.components;
  }
}

TEST(SquaredMmd, IsItsDoubleLoop) {
  const at::Tensor codes = rows_of("codes", 0, kRows).to(at::kDouble) * 0.6 + 0.5;
  const at::Tensor prior = rows_of("prior", 0, kRows).to(at::kDouble);
  for (const auto& kernel : kernels()) {
    const double found = squared_mmd(codes, prior, kernel, {}).item<double>();
    EXPECT_NEAR(found, plain_mmd(kernel, codes, prior), 1e-12);
    EXPECT_GT(std::abs(found), 1e-3);
  }
}

TEST(SquaredMmd, OfTheLossIsThatOfTheDiagnostics) {
  const at::Tensor codes = rows_of("codes", 0, 40) * 0.6 + 0.5, prior = rows_of("prior", 0, 40);
  const auto kernel = kernels()[0];
  const auto values = [](const at::Tensor& rows) {
    return std::span<const float>{rows.data_ptr<float>(), static_cast<size_t>(rows.numel())};
  };
  EXPECT_NEAR(squared_mmd(codes, prior, kernel, {}).item<double>(),
              diagnostics::squared_mmd(diagnostics::kernel_means(values(codes), values(prior),
                                                                 kDimension, kernel.widths)),
              1e-5);
}

TEST(SquaredMmd, GradientIsThatOfFiniteDifferences) {
  const at::Tensor prior = rows_of("prior", 0, kRows).to(at::kDouble);
  for (const auto& kernel : kernels()) {
    at::Tensor codes = (rows_of("codes", 0, kRows).to(at::kDouble) * 0.6 + 0.5).contiguous();
    codes.requires_grad_(true);
    gradients::backward(squared_mmd(codes, prior, kernel, {}) * 3);
    const at::Tensor gradient = codes.grad().contiguous();
    codes.requires_grad_(false);
    for (int64_t i = 0; i < codes.numel(); ++i) {
      constexpr double kStep = 1e-5;
      double& value = codes.data_ptr<double>()[i];
      const double kept = value;
      value = kept + kStep;
      const double above = plain_mmd(kernel, codes, prior);
      value = kept - kStep;
      const double below = plain_mmd(kernel, codes, prior);
      value = kept;
      EXPECT_NEAR(gradient.data_ptr<double>()[i], 3 * (above - below) / (2 * kStep), 1e-8);
    }
    EXPECT_GT(gradient.abs().max().item<double>(), 1e-2);
  }
}

// The mean over ranks of value and gradient, in a weight that all codes pass through.
TEST(SquaredMmd, IsThatOfTheGlobalBatchOnAnyNumberOfRanks) {
  using Floats = std::vector<float>;
  for (const auto& kernel : kernels()) {
    const auto find = [&](world::Communicator& ranks) {
      const Coupling coupling{
          [&](const at::Tensor& x) { return gradients::gather_rows(x, ranks); },
          [&](const at::Tensor& x) { return gradients::mean_over_ranks(x, ranks); }};
      const auto part = data::share(kRows, ranks.rank(), ranks.size());
      at::Tensor weight = at::ones({kDimension}, at::kFloat).requires_grad_(true);
      const at::Tensor value =
          squared_mmd(rows_of("codes", part.first, part.count) * weight + 0.5,
                      rows_of("prior", part.first, part.count), kernel, coupling);
      gradients::backward(value);
      Floats found = joined({value.view({1}), weight.grad()});
      world::all_reduce_host(ranks, std::span(found), world::ReduceOp::mean);
      return found;
    };
    const Floats alone = on_ranks<Floats>(1, find)[0];
    for (const int size : kRankCounts) {
      for (const auto& found : on_ranks<Floats>(size, find))
        for (size_t i = 0; i < found.size(); ++i)
          EXPECT_NEAR(found[i], alone[i], 2e-6) << size << " ranks, " << i;
    }
    EXPECT_GT(std::abs(alone[1]), 1e-2);
  }
}

TEST(SquaredMmd, RefusesToBeDifferentiatedTwice) {
  const at::Tensor codes = rows_of("codes", 0, kRows).requires_grad_(true);
  const at::Tensor value = squared_mmd(codes, rows_of("prior", 0, kRows), kernels()[0], {});
  EXPECT_THROW(torch::autograd::grad({value}, {codes}, {}, /*retain_graph=*/true,
                                     /*create_graph=*/true),
               Error);
}

}  // namespace
}  // namespace allmodes::objectives
