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

// The batch statistics that training forwards met: for each buffer of the plan the sum over
// forwards of the batch's mean (running_mean) or unbiased variance (running_var), and their number.
// With statistics "local" they are those of this rank's samples; the trainer averages the sums over
// ranks before it updates the buffers, so that every rank keeps the same ones.
struct BatchStatistics {
  std::vector<at::Tensor> sums;  // undefined where the count is 0
  std::vector<int> counts;
};

// U[0, 1) of the given shape, whose first size is the batch, for a layer that is random in training;
// its numbers depend on the layer and the global sample index, not on the rank.
using LayerNoise = std::function<at::Tensor(const std::string& layer, at::IntArrayRef shape)>;

struct Context {
  bool training = false;  // batch norm: the batch's statistics; else the running ones
  at::Tensor labels = {};  // [batch] int64, for class-conditional layers
  // For random layers in training.
  const LayerNoise* noise = nullptr;
  // For statistics "global"; null: one rank. Copied where a backward pass will need it.
  const StatisticsReducer* reducer = nullptr;
  BatchStatistics* batch_statistics = nullptr;  // collects, where not null
};

// The network's output for a batch x of shape [batch, plan.input...]: [batch, plan.output...].
// Never writes a parameter or a buffer. Differentiable twice, but for batch norm with global
// statistics in training, whose differentiation with create_graph throws.
// Throws for a wrong count or shape of tensors, and for a batch norm in training that would see
// a single value a channel.
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
