// Planted collapses of an autoencoder's codes.

#include <fmt/format.h>

#include <cmath>

#include "bench/verdict/tables.h"
#include "diagnostics/latents/aggregate_posterior.h"
#include "diagnostics/latents/linear_units.h"
#include "diagnostics/latents/posterior.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kDimensions = 8;
// The logarithm of a posterior's variance that is nothing beside that of the codes.
constexpr float kCertain = -100.0F;

std::vector<float> normals(uint64_t step, const char* purpose, int64_t rows) {
  std::vector<float> values(static_cast<size_t>(rows * kDimensions));
  fill_normal({.seed = 4, .purpose = Purpose(purpose), .step = step}, 0, rows, kDimensions,
              values.data());
  return values;
}

}  // namespace

// A posterior N(mu, s^2) of active dimensions with aggregate N(0, 1), of which `dead` say nothing.
// The data have as many directions of variance 1, all of which a linear VAE would keep.
void posterior_rows(int64_t turns) {
  constexpr double kVariance = 0.05;
  const std::vector<double> data(kDimensions, 1.0);
  const LinearUnits linear = linear_units(data, double(kDimensions), kVariance, kDimensions);
  for (const int64_t dead : {int64_t{1}, int64_t{3}, int64_t{4}, kDimensions}) {
    double detected = 0, collapsed = 0;
    for (int64_t turn = 0; turn < turns; ++turn) {
      auto mean = normals(uint64_t(turn), "posterior means", 2000);
      std::vector<float> log_variance(mean.size());
      for (size_t i = 0; i < mean.size(); ++i) {
        const bool active = int64_t(i) % kDimensions >= dead;
        mean[i] = active ? static_cast<float>(std::sqrt(1 - kVariance) * mean[i]) : 0.0F;
        log_variance[i] = active ? static_cast<float>(std::log(kVariance)) : 0.0F;
      }
      LatentSums sums = make_latent_sums(kDimensions);
      add(sums, mean, log_variance);
      const double used = 1 - static_cast<double>(dead) / static_cast<double>(kDimensions);
      const Verdict verdict = judge({.step = 1000,
                                     .r2_mean = (1 - linear.residual) * used,
                                     .kl_total = kl_total(sums),
                                     .decoder_sensitivity = 0.5 * used,
                                     .active_units = active_units(sums),
                                     .latent_dimensions = kDimensions,
                                     .linear_units = linear},
                                    {}, once());
      detected += verdict.kind == "posterior_collapse" ? 1 : 0;
      collapsed += verdict.state == State::collapsed ? 1 : 0;
    }
    fmt::print("| codes | {} of {} dimensions collapsed to the prior | | {:.1f} | {:.1f} | |\n",
               dead, kDimensions, 100 * detected / double(turns), 100 * collapsed / double(turns));
  }
}

void aggregate_rows(int64_t turns) {
  constexpr int64_t kCodes = 500;
  std::vector<double> widths;
  for (const double scale : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0})
    widths.push_back(2 * double(kDimensions) * scale);
  const Null null(null_of_halves(normals(0, "pool", 2 * kCodes), kDimensions, widths, 100,
                                 {.seed = 4, .purpose = Purpose("halves")}),
                  Worse::high);
  struct Case {
    double shift, scale;
  };
  for (const auto& [shift, scale] :
       {Case{0, 1}, Case{0.1, 1}, Case{0.2, 1}, Case{0.5, 1}, Case{0.8, 1}, Case{1, 1},
        Case{1.2, 1}, Case{0, 0.9}, Case{0, 0.7}, Case{0, 0.5}, Case{0, 0.4}, Case{0, 0.3},
        Case{0, 0.2}, Case{0, 0}}) {
    double detected = 0, certain = 0, right = 0;
    for (int64_t turn = 0; turn < turns; ++turn) {
      auto codes = normals(uint64_t(turn), "codes", kCodes);
      for (float& value : codes) value = static_cast<float>(scale * value + shift);
      LatentSums sums = make_latent_sums(kDimensions);
      add(sums, codes, std::vector<float>(codes.size(), kCertain));
      double nats = 0;
      for (const double each : aggregate_kl_per_dimension(sums)) nats += each;
      const auto prior = normals(uint64_t(turn), "prior", kCodes);
      const KernelMeans means = kernel_means(codes, prior, kDimensions, widths);
      Evidence evidence{.step = 1000,
                        .aggregate_kl = nats,
                        .aggregate_mmd = squared_mmd(means),
                        .aggregate_mmd_null_q99 = quantile(null.draws(), 0.99),
                        .aggregate_discrepancy = discrepancy(means),
                        .latent_dimensions = kDimensions};
      evidence.aggregate_mmd_log10_tail = null.log10_tail(*evidence.aggregate_mmd);
      const Verdict verdict = judge(evidence, {}, once());
      certain += *evidence.aggregate_mmd_log10_tail < -3 ? 1 : 0;
      detected += verdict.state != State::healthy ? 1 : 0;
      right += verdict.kind == "aggregate_mismatch" ? 1 : 0;
    }
    fmt::print("| {} | {} | {:.1f} | {:.1f} | {:.1f} |\n", shift, scale,
               100 * certain / double(turns), 100 * detected / double(turns),
               100 * right / double(turns));
    std::fflush(stdout);
  }
}

}  // namespace allmodes::diagnostics
