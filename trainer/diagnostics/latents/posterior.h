#pragma once

// What an encoder with a diagonal Gaussian posterior q(z|x) = N(mu, diag(sigma^2)) does with its
// latent dimensions, from sums over the data that add over ranks. The prior is N(0, I); nats.

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

struct LatentSums {
  int64_t count = 0;             // samples
  std::vector<double> kl;        // [d], sum of the KL of each dimension
  std::vector<double> mean;      // [d], sum of mu
  std::vector<double> square;    // [d], sum of mu^2
  std::vector<double> variance;  // [d], sum of sigma^2

  static auto sums(auto& of) { return std::tie(of.count, of.kl, of.mean, of.square, of.variance); }
};

LatentSums make_latent_sums(int64_t dimensions);

// Adds samples: mean and log_variance (ln sigma^2), both [n][d]. Throws ExitCode::kSoftware when
// the sizes do not fit.
void add(LatentSums& sums, std::span<const float> mean, std::span<const float> log_variance);

// Adds codes of a deterministic encoder, [n][d]: sigma^2 = 0, and no KL, which would be infinite.
// Only activity() and active_units() then have a meaning.
void add(LatentSums& sums, std::span<const float> codes);

// The functions below throw ExitCode::kSoftware for no sample; a NaN in the data gives NaN.

// KL(q(z_j|x) || p(z_j)) = 1/2 (mu^2 + sigma^2 - ln sigma^2 - 1), the mean over the data; [d], >=
// 0.
std::vector<double> kl_per_dimension(const LatentSums& sums);

// The sum of the above: the KL term of the evidence lower bound; >= 0.
double kl_total(const LatentSums& sums);

// Var_x(mu_j), population variance (divided by n); [d], >= 0. The statistic of Burda, Grosse and
// Salakhutdinov, "Importance weighted autoencoders", 2016. One sample has variance 0.
std::vector<double> activity(const LatentSums& sums);

// Dimensions with Var_x(mu_j) above a hundredth of the prior's variance: the threshold of the same
// paper, whose prior is N(0, I), for a prior of any scale; 0 .. d. A NaN is not active. Few active
// units are not a fault by themselves: a linear VAE keeps exactly those dimensions whose data
// variance exceeds beta times the decoder's (Lucas et al., "Don't blame the ELBO!", 2019).
inline constexpr double kActiveVariance = 0.01;
int64_t active_units(const LatentSums& sums, double prior_variance = 1);

// KL(N(m_j, v_j) || N(0, 1)), with m_j and v_j = Var_x(mu_j) + mean sigma_j^2 the moments of the
// aggregate posterior q(z_j): how far the codes are from the prior that samples are drawn from, as
// far as two moments see it; [d], >= 0.
std::vector<double> aggregate_kl_per_dimension(const LatentSums& sums);

}  // namespace allmodes::diagnostics
