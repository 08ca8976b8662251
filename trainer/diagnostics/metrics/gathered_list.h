#pragma once

// What ranks have measured of their rows, as one list.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "world/communicator.h"

namespace allmodes::diagnostics {

// Collective. Each rank's part of a list of `size`, which begins at `first`, at its place in the
// whole one: a sum of one value and zeros, so to the last bit.
template <class T>
std::vector<T> gathered_list(world::Communicator& control, const std::vector<T>& part,
                             int64_t first, int64_t size) {
  std::vector<T> all(static_cast<size_t>(size), T{0});
  std::copy(part.begin(), part.end(), all.begin() + first);
  world::all_reduce_host(control, std::span<T>(all), world::ReduceOp::sum);
  return all;
}

}  // namespace allmodes::diagnostics
