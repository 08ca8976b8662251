#pragma once

// Samples in chunks of a fixed size by global index. A rank takes whole chunks, so that every
// sample is computed in the same batch, and to the same bits, whatever the number of ranks.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

inline constexpr int64_t kChunk = 250;

// Calls `work(first, count)` for each chunk of [0, total) that is this rank's.
void for_each_chunk(int64_t total, const world::Communicator& control,
                    const std::function<void(int64_t first, int64_t count)>& work);

// Which samples of the data are the `count` from `first` in a fixed random order of `seed`.
std::vector<int64_t> real_indices(const data::Dataset& dataset, uint64_t seed, int64_t first,
                                  int64_t count);

// Real samples for comparison, `count` of them from `first` in a fixed random order of the data;
// `labels` [count] where it is given.
at::Tensor real_samples(const data::Dataset& dataset, uint64_t seed, int64_t first, int64_t count,
                        std::vector<int64_t>* labels = nullptr);

// A view of a float tensor's numbers, which must be on the host and contiguous.
std::span<const float> values_of(const at::Tensor& tensor);

}  // namespace allmodes::diagnostics
