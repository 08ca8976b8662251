#pragma once

// Random orders. Torch-free.

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "base/random.h"

namespace allmodes::diagnostics {

// Puts `count` of the values, drawn without replacement, in front in random order, with one draw
// of `random` for each (Fisher and Yates); the others come behind them in no order that is said.
// `count` <= size.
template <class T>
void shuffle_front(std::vector<T>& values, size_t count, Random& random) {
  for (size_t i = 0; i < count && i + 1 < values.size(); ++i)
    std::swap(values[i], values[i + random.below(values.size() - i)]);
}

// The first `count` of the numbers 0, ..., rows - 1 in random order, and behind them the others.
inline std::vector<int64_t> random_order(int64_t rows, int64_t count, Random& random) {
  std::vector<int64_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), int64_t{0});
  shuffle_front(order, static_cast<size_t>(count), random);
  return order;
}

}  // namespace allmodes::diagnostics
