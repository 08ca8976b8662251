#pragma once

// What a loss may compute over the samples of all ranks, differentiable once. A rank's loss counts
// with 1 / ranks, as its gradient does in the reducer's mean, so that N ranks have the gradient of
// one process on the concatenated batch.

#include <ATen/core/Tensor.h>

#include "world/communicator.h"

namespace allmodes::gradients {

// The rows of every rank in rank order: [n, ...] -> [ranks * n, ...], the same on every rank. Every
// rank has to compute the same function of them. float or double, n equal on all ranks. Throws
// kConfiguration when it is differentiated with create_graph.
at::Tensor gather_rows(const at::Tensor& rows, world::Communicator& ranks);

// The same rows, where each rank computes a part of the loss of its own from all of them, as in a
// layer that looks at the samples of other ranks: the gradient of a rank's rows is the sum over the
// ranks' parts. One sum forward and one backward. Throws as gather_rows.
at::Tensor gather_rows_for_parts(const at::Tensor& rows, world::Communicator& ranks);

// The mean over ranks of a tensor of equal shape. Throws as gather_rows.
at::Tensor mean_over_ranks(const at::Tensor& value, world::Communicator& ranks);

}  // namespace allmodes::gradients
