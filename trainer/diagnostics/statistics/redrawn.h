#pragma once

// Counts drawn anew, for a bootstrap. Torch-free.

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace allmodes::diagnostics {

// As many draws as there are counts in all, each of a cell with the share that it has; a function
// of the key. All counts >= 0.
std::vector<int64_t> redrawn(std::span<const int64_t> counts, const NoiseKey& key);

}  // namespace allmodes::diagnostics
