#include "world/fold.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace allmodes::world {
namespace {

// Elements that are added up at a time, in the first-level cache.
constexpr int64_t kBlock = 2048;

template <typename T>
void fold(T* into, const T* from, int64_t count, ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
    case ReduceOp::mean:
      for (int64_t i = 0; i < count; ++i) into[i] = static_cast<T>(into[i] + from[i]);
      break;
    case ReduceOp::max:
      for (int64_t i = 0; i < count; ++i) into[i] = std::max(into[i], from[i]);
      break;
    case ReduceOp::min:
      for (int64_t i = 0; i < count; ++i) into[i] = std::min(into[i], from[i]);
      break;
  }
}

// Folds elements [begin, begin + count) of sources[first, last) into `sum`, as a binary tree over
// the sources.
template <typename T>
void fold_tree(T* sum, const std::vector<std::byte*>& sources, size_t first, size_t last,
               int64_t begin, int64_t count, ReduceOp op) {
  const auto* leaf = reinterpret_cast<const T*>(sources[first]) + begin;
  std::memcpy(sum, leaf, static_cast<size_t>(count) * sizeof(T));
  // Subtrees of 1, 2, 4, ... sources join what lies left of them.
  for (size_t width = 1; first + width < last; width *= 2) {
    if (width == 1) {
      fold(sum, reinterpret_cast<const T*>(sources[first + 1]) + begin, count, op);
      continue;
    }
    std::array<T, kBlock> right;
    fold_tree(right.data(), sources, first + width, std::min(last, first + 2 * width), begin, count,
              op);
    fold(sum, right.data(), count, op);
  }
}

// Elements [first, last) of the buffers at `sources`, folded into every one of `targets`; a mean is
// divided by `divisor` (0: not yet).
template <typename T>
void fold_range(const std::vector<std::byte*>& sources, const std::vector<std::byte*>& targets,
                int64_t first, int64_t last, ReduceOp op, int divisor) {
  std::array<T, kBlock> sum;
  for (int64_t begin = first; begin < last; begin += kBlock) {
    const int64_t count = std::min(kBlock, last - begin);
    const auto bytes = static_cast<size_t>(count) * sizeof(T);
    fold_tree(sum.data(), sources, 0, sources.size(), begin, count, op);
    if constexpr (std::is_floating_point_v<T>) {
      if (op == ReduceOp::mean && divisor > 0)
        for (int64_t i = 0; i < count; ++i) sum[static_cast<size_t>(i)] /= static_cast<T>(divisor);
    }
    for (std::byte* target : targets)
      std::memcpy(reinterpret_cast<T*>(target) + begin, sum.data(), bytes);
  }
}

}  // namespace

void fold_range(DataType type, const std::vector<std::byte*>& sources,
                const std::vector<std::byte*>& targets, int64_t first, int64_t last, ReduceOp op,
                int divisor) {
  switch (type) {
    case DataType::f32:
      return fold_range<float>(sources, targets, first, last, op, divisor);
    case DataType::f64:
      return fold_range<double>(sources, targets, first, last, op, divisor);
    case DataType::i64:
      return fold_range<int64_t>(sources, targets, first, last, op, divisor);
    case DataType::u8:
      return fold_range<uint8_t>(sources, targets, first, last, op, divisor);
  }
}

}  // namespace allmodes::world
