#pragma once

// What a variational autoencoder's KL term may be replaced by: functions of the posterior's
// parameters and samples, in nats, differentiable.

#include "objectives/objective.h"

namespace allmodes::objectives {

// sum_j max(lambda, KL_j), with KL_j the mean over the samples of all ranks of `kl` [n, latent]: a
// dimension pays nothing for its first `lambda` nats (Kingma et al., arXiv 1606.04934, appendix
// C.8, with groups of one dimension).
at::Tensor free_bits(const at::Tensor& kl, double lambda, const Coupling& coupling);

// ln q(z|x) - ln p(z) of z = mean + deviation * noise, summed over dimensions: [n, k] for noise [n,
// k, latent] and a posterior of [n, 1, latent].
at::Tensor log_density_ratio(const Objective::Posterior& posterior, const at::Tensor& z,
                             const at::Tensor& noise);

// Minus the importance-weighted bound on ln p(x), the mean over n samples of -ln 1/k sum_k
// exp(-cost
// - ratio), of `cost` -ln p(x|z) and `ratio` ln q(z|x) - ln p(z), both [n, k] (Burda et al., arXiv
// 1509.00519, equation 8). With k = 1 minus the ELBO.
at::Tensor importance_weighted_bound(const at::Tensor& cost, const at::Tensor& ratio);

// The KL term in three, scalars whose sum is the mean of ln q(z|x) - ln p(z) over the samples of
// all ranks (Chen et al., arXiv 1802.04942, equation 2).
struct KlParts {
  at::Tensor mutual_information;  // of sample and code: E ln q(z|x) / q(z)
  at::Tensor total_correlation;   // E ln q(z) / prod_j q(z_j)
  at::Tensor dimension_kl;        // sum_j E ln q(z_j) / p(z_j)
};

// Of one code `z` [n, latent] a sample. The aggregate posterior q(z) is estimated over the codes of
// all ranks: a code's own sample counts with 1 / size of the data set, the others of the batch
// share the rest. This is the paper's stratified sampling (appendix C.2) averaged over which of the
// others takes the remainder; without bias in q(z) for a batch drawn without replacement. Needs two
// samples or more over all ranks.
KlParts decompose_kl(const Objective::Posterior& posterior, const at::Tensor& z,
                     int64_t data_set_size, const Coupling& coupling);

}  // namespace allmodes::objectives
