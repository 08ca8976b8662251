#pragma once

// Reductions of several host buffers into one, in an order that depends on nothing but their
// number.

#include "world/communicator.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace allmodes::world {

// Elements [first, last) of the buffers at `sources`, folded as a binary tree over the sources into
// every one of `targets`, which may be sources; a mean is divided by `divisor` (0: not yet).
void fold_range(DataType type, const std::vector<std::byte*>& sources,
                const std::vector<std::byte*>& targets, int64_t first, int64_t last, ReduceOp op,
                int divisor);

}  // namespace allmodes::world
