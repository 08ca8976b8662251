#pragma once

// The density that the `fit` family trains: a mixture of Gaussians with diagonal covariance.

#include "objectives/objective.h"

namespace allmodes::objectives {

// q(x) = sum_k exp(log_weights[k]) N(x; means[k], diag(exp(2 log_deviations[k]))).
struct GaussianMixture {
  at::Tensor means;           // [k, d]
  at::Tensor log_deviations;  // [k, d]
  at::Tensor log_weights;     // [k], their exponentials sum to 1
};

// ln q(x) of points [n, d]: [n].
at::Tensor log_density(const GaussianMixture& q, const at::Tensor& points);

// The mixture whose parameters the network "density" holds: 2k means (over `spread`), 2k log
// deviations, k logits.
GaussianMixture fitted_mixture(const Forward& forward, const config::Fit& fit,
                               const at::TensorOptions& options);

}  // namespace allmodes::objectives
