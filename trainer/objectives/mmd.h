#pragma once

// The squared maximum mean discrepancy between codes and prior samples of the global batch: the
// unbiased estimate
//
//   sum_{i != j} [k(x_i, x_j) + k(y_i, y_j)] / (n^2 - n)  -  2 sum_{i, j} k(x_i, y_j) / n^2
//
// over the n codes x and the n prior samples y of all ranks (Gretton et al., "A kernel two-sample
// test", 2012, lemma 6; Tolstikhin et al., arXiv 1711.01558, algorithm 2). Its mean is 0 where both
// have one distribution, so it is below 0 half of the time.
//
// Each rank computes the terms of its own rows against all: n^2 / ranks kernels.

#include <ATen/core/Tensor.h>

#include "objectives/kernel.h"
#include "objectives/objective.h"

namespace allmodes::objectives {

// `codes` and `prior` [local batch, d] of this rank, float or double, on one device; at least two
// rows over all ranks. The mean over ranks of what is returned is the estimate, and, with the
// reducer's mean, so is the gradient in `codes` (first order; `prior` gets none).
at::Tensor squared_mmd(const at::Tensor& codes, const at::Tensor& prior,
                       const KernelFunction& kernel, const Coupling& coupling);

}  // namespace allmodes::objectives
