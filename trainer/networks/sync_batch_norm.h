#pragma once

// Batch normalization with the statistics of all ranks' samples (Ioffe and Szegedy, 2015).

#include <ATen/core/Tensor.h>

#include "networks/forward.h"

namespace allmodes::networks {

struct SyncBatchNormResult {
  at::Tensor output;
  at::Tensor mean;      // of the global batch, [channels]
  at::Tensor variance;  // unbiased
};

// Normalizes x, [batch, channels] or [batch, channels, height, width], over every axis but the
// second, and over all ranks (`reducer`; null: this rank is the only one). One sum over ranks
// forward; one backward, if x needs a gradient.
//
// The gradient of x is that of the sum of all ranks' losses; the gradients of weight and bias are
// sums over this rank's samples alone. If every rank's loss is the mean over its samples, averaging
// the parameter gradients over ranks of equal batches gives those of one process on the whole
// batch.
//
// Backward with create_graph throws: it cannot be differentiated twice.
SyncBatchNormResult sync_batch_norm(const at::Tensor& x, const at::Tensor& weight,
                                    const at::Tensor& bias, double epsilon,
                                    const StatisticsReducer* reducer);

}  // namespace allmodes::networks
