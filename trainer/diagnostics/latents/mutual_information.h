#pragma once

// How much a latent tells of its sample: I_q(x; z) with the aggregate posterior over all N samples
// as a mixture (Hoffman, Johnson, "ELBO surgery", 2016). Estimated with one z for each posterior,
//
//   I = mean_i [ ln q(z_i | x_i) - ln (1/N sum_n q(z_i | x_n)) ],  z_i ~ q(z | x_i)
//
// in nats. At most ln N, which it approaches when N is too small to tell; a minibatch's mixture
// would say at most the logarithm of the batch. E KL(q(z|x) || p) = I + KL(q(z) || p).

#include <cstdint>
#include <span>

#include "base/random.h"

namespace allmodes::diagnostics {

// The sum over the samples first, ..., last - 1 of the bracket; sums add, and I is the whole sum
// over N. mean and log_variance (ln sigma^2) [N][dimensions]; z_i depends on (key, i). Quadratic in
// N. Throws ExitCode::kSoftware when sizes or range do not fit.
double information_sum(std::span<const float> mean, std::span<const float> log_variance,
                       int64_t dimensions, int64_t first, int64_t last, const NoiseKey& key);

}  // namespace allmodes::diagnostics
