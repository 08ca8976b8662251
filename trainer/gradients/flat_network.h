#pragma once

// One network's state as a few flat float tensors, of which every parameter, gradient and averaged
// weight is a view. Zeroing, clipping, Adam, averaging, exchanging and hashing are then one or a
// few kernels, however many layers there are.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gradients/bucket_plan.h"
#include "networks/plan.h"

namespace allmodes::gradients {

struct FlatNetwork {
  std::string name;
  networks::Plan plan;
  std::vector<int64_t> order;  // of the parameters in flat storage
  std::vector<Slice> slices;   // by parameter
  int64_t parameter_span = 0;  // elements of `parameters`
  bool channels_last = false;  // weights of convolutions lie as [out, height, width, in]

  at::Tensor parameters;     // [parameter_span]
  at::Tensor average;        // [parameter_span], exponential moving average
  at::Tensor first_moment;   // [parameter_span]
  at::Tensor second_moment;  // [parameter_span]
  // [parameter_span + buffers]: behind the gradient, this step's batch statistics, so that one
  // exchange averages both over the ranks.
  at::Tensor gradients;
  at::Tensor buffers;  // running statistics, [sum of buffer sizes]

  // Views, by parameter or buffer index of the plan.
  std::vector<at::Tensor> parameter_views;  // leaves; .grad is the view of `gradients`
  std::vector<at::Tensor> gradient_views;
  std::vector<at::Tensor> average_views;
  std::vector<at::Tensor> buffer_views;
  std::vector<at::Tensor> batch_statistic_views;

  at::Tensor gradient() const;  // the part of `gradients` that belongs to parameters
  at::Tensor batch_statistics() const;
};

// Zeroed host memory of so many bytes, 64-byte aligned (Communicator::allocate).
using HostMemory = std::function<std::shared_ptr<void>(int64_t bytes)>;

// Allocates and initializes a network's storage on `device`, laid out in `order` (empty: last
// parameter first, the usual order in which gradients become ready). The initial values depend on
// (seed, name, parameter name) alone. On the CPU the gradients lie in `memory`, if given.
// `channels_last`: views of four dimensions have their second one innermost in memory.
FlatNetwork make_flat_network(const std::string& name, const networks::Plan& plan, uint64_t seed,
                              at::Device device, std::vector<int64_t> order = {},
                              const HostMemory& memory = nullptr, bool channels_last = false);

// `count` zeros on the device of `gradients`. On a CPU the array starts at another offset within
// its memory page than `gradients` does: `place` fifths of a page (4 KiB) further on, `place` from
// 1 to 4. An update walks through five arrays at the same time. Where their addresses agree in the
// last 12 bits, as those of large allocations do, a processor takes a load from one array for a
// load of what was just stored into another (4 KiB aliasing) and waits: Adam then takes twice as
// long.
at::Tensor zeros_at_page_offset(const at::Tensor& gradients, int place, int64_t count);

// Turns gradients of all the network's parameters on or off.
void set_trainable(FlatNetwork& network, bool trainable);

// A view of one parameter's slice in a flat tensor laid out like the network's parameters.
at::Tensor slice_view(const FlatNetwork& network, const at::Tensor& flat, size_t parameter);

}  // namespace allmodes::gradients
