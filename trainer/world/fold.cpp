#include "world/fold.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

namespace allmodes::world {
namespace {

// Elements that are added up at a time, in the first-level cache.
constexpr int64_t kBlock = 1024;

// One pass: out[i] = two(left[i], right[i]), in both of `targets` where there is a second one. They
// may be the sources.
template <typename T, typename Two>
void combine(const T* left, const T* right, int64_t count, std::array<T*, 2> targets, Two two) {
  T* const first = targets[0];
  T* const second = targets[1];
  if (second == nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) first[i] = two(left[i], right[i]);
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const T value = two(left[i], right[i]);
    first[i] = value;
    second[i] = value;
  }
}

// The sources of a tree with more leaves than one: those of its left side, a power of two, and the
// rest.
size_t left_leaves(size_t leaves) {
  return std::bit_floor(leaves - 1);
}

// Elements [begin, begin + count) of sources[first, last), folded as a binary tree: where they lie,
// which is `scratch` or, of a lone source, the source.
template <typename T, typename Two>
const T* fold_tree(T* scratch, const std::vector<std::byte*>& sources, size_t first, size_t last,
                   int64_t begin, int64_t count, Two two) {
  if (last - first == 1) return reinterpret_cast<const T*>(sources[first]) + begin;
  const size_t middle = first + left_leaves(last - first);
  std::array<T, kBlock> other;
  const T* left = fold_tree(scratch, sources, first, middle, begin, count, two);
  const T* right = fold_tree(other.data(), sources, middle, last, begin, count, two);
  combine<T>(left, right, count, {scratch, nullptr}, two);
  return scratch;
}

// Elements [first, last) of the buffers at `sources`, folded by `two` into every one of `targets`,
// the last time by `root`. The root of the tree is written straight to where it belongs, and what
// is read and written there crosses the memory bus once: through a buffer, 25 MiB of two ranks
// took 1.5 times as long.
template <typename T, typename Two, typename Root>
void fold_blocks(const std::vector<std::byte*>& sources, const std::vector<std::byte*>& targets,
                 int64_t first, int64_t last, Two two, Root root) {
  std::array<T, kBlock> left_scratch;
  std::array<T, kBlock> right_scratch;
  const size_t middle = left_leaves(sources.size());
  for (int64_t begin = first; begin < last; begin += kBlock) {
    const int64_t count = std::min(kBlock, last - begin);
    const auto at = [&](size_t i) {
      return i < targets.size() ? reinterpret_cast<T*>(targets[i]) + begin : nullptr;
    };
    const T* left = fold_tree(left_scratch.data(), sources, 0, middle, begin, count, two);
    const T* right =
        fold_tree(right_scratch.data(), sources, middle, sources.size(), begin, count, two);
    combine<T>(left, right, count, {at(0), at(1)}, root);
    for (size_t i = 2; i < targets.size(); ++i)
      std::memcpy(at(i), at(0), static_cast<size_t>(count) * sizeof(T));
  }
}

template <typename T>
void fold_range(const std::vector<std::byte*>& sources, const std::vector<std::byte*>& targets,
                int64_t first, int64_t last, ReduceOp op, int divisor) {
  if (sources.size() == 1) {
    const T* const alone = reinterpret_cast<const T*>(sources[0]);
    for (std::byte* target : targets)
      std::memmove(reinterpret_cast<T*>(target) + first, alone + first,
                   static_cast<size_t>(last - first) * sizeof(T));
    return;
  }
  const auto sum = [](T a, T b) { return static_cast<T>(a + b); };
  const auto largest = [](T a, T b) { return std::max(a, b); };
  const auto least = [](T a, T b) { return std::min(a, b); };
  const auto same = [&](auto two) { fold_blocks<T>(sources, targets, first, last, two, two); };
  switch (op) {
    case ReduceOp::max:
      return same(largest);
    case ReduceOp::min:
      return same(least);
    case ReduceOp::mean:
      if constexpr (std::is_floating_point_v<T>) {
        if (divisor > 0) {
          const auto mean = [n = static_cast<T>(divisor)](T a, T b) { return (a + b) / n; };
          return fold_blocks<T>(sources, targets, first, last, sum, mean);
        }
      }
      return same(sum);
    case ReduceOp::sum:
      return same(sum);
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
