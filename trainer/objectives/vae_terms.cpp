#include "objectives/vae_terms.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include <cmath>
#include <numbers>

namespace allmodes::objectives {
namespace {

// ln N(z; mean, variance), elementwise.
at::Tensor log_normal_density(const at::Tensor& z, const at::Tensor& mean,
                              const at::Tensor& log_variance) {
  return ((z - mean).square() * (-log_variance).exp() + log_variance +
          std::log(2 * std::numbers::pi)) *
         -0.5;
}

// ln of what each sample's posterior (column) counts in the estimate of q at each code (row).
at::Tensor log_shares(int64_t batch, int64_t data_set_size, const at::TensorOptions& options) {
  const auto size = static_cast<double>(data_set_size);
  at::Tensor shares =
      at::full({batch, batch}, std::log((size - 1) / (size * static_cast<double>(batch - 1))),
               options.requires_grad(false));
  shares.fill_diagonal_(-std::log(size));
  return shares;
}

}  // namespace

at::Tensor free_bits(const at::Tensor& kl, double lambda, const Coupling& coupling) {
  return coupling.mean(kl.mean(0)).clamp_min(lambda).sum();
}

at::Tensor log_density_ratio(const Objective::Posterior& posterior, const at::Tensor& z,
                             const at::Tensor& noise) {
  return (z.square() - noise.square() - posterior.log_variance).sum(-1) * 0.5;
}

at::Tensor importance_weighted_bound(const at::Tensor& cost, const at::Tensor& ratio) {
  const at::Tensor log_mean =
      (-cost - ratio).logsumexp(1) - std::log(static_cast<double>(cost.size(1)));
  return -log_mean.mean();
}

KlParts decompose_kl(const Objective::Posterior& posterior, const at::Tensor& z,
                     int64_t data_set_size, const Coupling& coupling) {
  const auto all = coupling.gather(at::cat({z, posterior.mean, posterior.log_variance}, 1));
  const auto parts = all.chunk(3, 1);
  const at::Tensor &codes = parts[0], &mean = parts[1], &log_variance = parts[2];
  // [code, sample, dimension]: every code under every sample's posterior.
  const at::Tensor log_q =
      log_normal_density(codes.unsqueeze(1), mean.unsqueeze(0), log_variance.unsqueeze(0));
  const at::Tensor shares = log_shares(codes.size(0), data_set_size, codes.options());

  const at::Tensor conditional = log_normal_density(codes, mean, log_variance).sum(1);
  const at::Tensor aggregate = (log_q.sum(2) + shares).logsumexp(1);
  const at::Tensor product = (log_q + shares.unsqueeze(2)).logsumexp(1).sum(1);
  const at::Tensor prior = (codes.square() + std::log(2 * std::numbers::pi)).sum(1) * -0.5;
  return {(conditional - aggregate).mean(), (aggregate - product).mean(), (product - prior).mean()};
}

}  // namespace allmodes::objectives
