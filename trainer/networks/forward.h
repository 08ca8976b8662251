#pragma once

// Running a planned network: pure functions over tensors. Parameters and buffers are given from
// outside, in the order of the plan, with any floating type on any device.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "networks/plan.h"

namespace allmodes::networks {

// Sums a contiguous double tensor in place over all ranks, in the order of the calling stream.
using StatisticsReducer = std::function<void(at::Tensor)>;

// The rows of every rank in rank order, [n, ...] -> [ranks * n, ...], of which each rank uses what
// it likes; differentiable once (gradients/coupling.h, gather_rows_for_parts).
using GatherRows = std::function<at::Tensor(const at::Tensor&)>;

// The batch statistics that training forwards met: for each buffer of the plan the sum over
// forwards of the batch's mean (running_mean) or unbiased variance (running_var), or of a weight's
// next left singular vector (u), and their number.
// With statistics "local" they are those of this rank's samples; the trainer averages the sums over
// ranks before it updates the buffers, so that every rank keeps the same ones.
struct BatchStatistics {
  std::vector<at::Tensor> sums;  // undefined where the count is 0
  std::vector<int> counts;
};

// U[0, 1) of the given shape, whose first size is the batch, for a layer that is random in
// training; its numbers depend on the layer and the global sample index, not on the rank.
using LayerNoise = std::function<at::Tensor(const std::string& layer, at::IntArrayRef shape)>;

struct Context {
  // Batch norm: the batch's statistics; else the running ones. Dropout; else nothing is dropped.
  // Spectral norm: a power iteration from the stored vector; else the stored vector.
  bool training = false;
  at::Tensor labels = {};  // [batch] int64, for class-conditional layers
  // For random layers in training.
  const LayerNoise* noise = nullptr;
  // For statistics "global"; null: one rank. Copied where a backward pass will need it.
  const StatisticsReducer* reducer = nullptr;
  // Likewise, for minibatch discrimination.
  const GatherRows* gather = nullptr;
  BatchStatistics* batch_statistics = nullptr;  // collects, where not null
  // Only so many layers of the network's list are run, and the last one's output is returned; 0:
  // all.
  size_t layers = 0;
};

// The network's output for a batch x of shape [batch, plan.input...]: [batch, plan.output...].
// Never writes a parameter or a buffer. Differentiable twice, but for global statistics in
// training, whose differentiation with create_graph throws. Throws for a wrong count or shape of
// tensors, for a batch norm in training that would see a single value a channel, for a batch that
// the groups of a minibatch standard deviation do not divide, and for labels that are missing.
at::Tensor forward(const Plan& plan, std::span<const at::Tensor> parameters,
                   std::span<const at::Tensor> buffers, const at::Tensor& x, Context& context);

// Sets parameters (and buffers) to their first values, in place and without autograd. A parameter's
// values are a pure function of (seed, network name, parameter name): they depend neither on
// the rank, nor on how the storage is laid out, nor on the other layers.
void initialize(const Plan& plan, uint64_t seed, const std::string& network_name,
                std::span<at::Tensor> parameters, std::span<at::Tensor> buffers);

// buffer <- (1 - momentum) * buffer + momentum * (sum / count), where the count is not 0.
void update_running_statistics(const Plan& plan, const BatchStatistics& statistics,
                               std::span<at::Tensor> buffers);

}  // namespace allmodes::networks
