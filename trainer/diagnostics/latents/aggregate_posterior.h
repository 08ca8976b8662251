#pragma once

// The aggregate posterior q(z), of which codes are a sample, beside the prior p(z) that new samples
// are drawn from: a maximum mean discrepancy, and what dimensions the codes fill. Torch-free.

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace allmodes::diagnostics {

// The rows first, first + stride, ... of a matrix: one rank's part of the work.
struct RowPart {
  int64_t first = 0;
  int64_t stride = 1;
};

// With k(x, y) = sum_s C_s / (C_s + |x - y|^2) over the `widths` C_s: for each row x_i of the part
// the sum over all rows y_j of k(x_i, y_j), [rows of x]; 0 for the other rows, so that parts add.
// x [n][dimensions], y [m][dimensions]. Throws ExitCode::kSoftware when the sizes do not fit.
std::vector<double> kernel_row_sums(std::span<const float> x, std::span<const float> y,
                                    int64_t dimensions, std::span<const double> widths,
                                    RowPart part = {});

// The same among the rows of x: the sum over j > i of k(x_i, x_j).
std::vector<double> kernel_row_sums(std::span<const float> x, int64_t dimensions,
                                    std::span<const double> widths, RowPart part = {});

// Means of the kernel over pairs of different rows, and over pairs of the two samples.
struct KernelMeans {
  double of_codes = 0;
  double of_prior = 0;
  double across = 0;
};

// From the (added) row sums of n codes and n prior samples, n >= 2.
KernelMeans kernel_means(std::span<const double> of_codes, std::span<const double> of_prior,
                         std::span<const double> across);
KernelMeans kernel_means(std::span<const float> codes, std::span<const float> prior,
                         int64_t dimensions, std::span<const double> widths);

// MMD^2, the unbiased estimate of Gretton et al., "A kernel two-sample test", 2012, lemma 6: its
// mean is 0 where both have one distribution.
double squared_mmd(const KernelMeans& means);

// MMD^2 over the mean likeness within the samples, (of_codes + of_prior): an effect size that does
// not depend on the number of samples; 0 for one distribution, 1 for two that have nothing in
// common. About .1 where each coordinate is moved by .85 of its deviation.
double discrepancy(const KernelMeans& means);

// What squared_mmd() says of two samples of one distribution: of `draws` random halves of `pool`
// [2 m][dimensions], m >= 2 (the permutation null of the same paper, section 5). Draw i depends on
// (key, i) alone. Costs m (2 m - 1) kernels and as many additions a draw.
std::vector<double> null_of_halves(std::span<const float> pool, int64_t dimensions,
                                   std::span<const double> widths, int64_t draws,
                                   const NoiseKey& key);

// The value that a share q of `values` does not exceed: the ceil(q n)-th smallest.
double quantile(std::vector<double> values, double q);

// What codes fill of their space.
struct CodeSpread {
  std::vector<double> variance;     // of each dimension, population
  int64_t dead_dimensions = 0;      // with less than 1 % of the prior's variance
  double effective_dimensions = 0;  // (tr C)^2 / tr C^2 of the covariance C, in [1, d]; 0 for C = 0
  // The numerical rank of C: the directions, taken greedily (Cholesky's factorization, largest
  // pivot first), after which no dimension keeps 1 % of the prior's variance.
  int64_t rank = 0;
};

// codes [n][dimensions], n >= 1. `prior_variance` of a coordinate. A NaN counts as dead.
CodeSpread code_spread(std::span<const float> codes, int64_t dimensions, double prior_variance);

}  // namespace allmodes::diagnostics
