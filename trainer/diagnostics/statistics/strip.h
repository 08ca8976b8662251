#pragma once

// Numbers that are looked at together, as vector instructions: loops of few turns are taken apart
// by compilers before they look for vectors in them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace allmodes::diagnostics {

inline constexpr size_t kStrip = 16;

// kStrip numbers, 0 at first.
class Strip {
 public:
  void load(const float* values) {
    for (size_t v = 0; v < kVectors; ++v) values_[v] = vector_at(values, v);
  }

  // Adds (x - values[i])^2 to each.
  void add_squared_offsets(float x, const float* values) {
    for (size_t v = 0; v < kVectors; ++v) {
      const Vector offset = x - vector_at(values, v);
      values_[v] += offset * offset;
    }
  }

  // Bit i: number i is at most its limit. No NaN is.
  uint32_t at_most(const float* limits) const {
    Marks bits = {1, 2, 4, 8}, marks = {};
    for (size_t v = 0; v < kVectors; ++v, bits <<= static_cast<int32_t>(kFloats))
      marks |= (values_[v] <= vector_at(limits, v)) & bits;
    std::array<uint64_t, 2> halves;
    std::memcpy(halves.data(), &marks, sizeof(halves));
    const uint64_t both = halves[0] | halves[1];
    return static_cast<uint32_t>(both | both >> 32);
  }

 private:
  using Vector = float __attribute__((vector_size(16)));
  using Marks = int32_t __attribute__((vector_size(16)));
  static constexpr size_t kFloats = sizeof(Vector) / sizeof(float);
  static constexpr size_t kVectors = kStrip / kFloats;

  static Vector vector_at(const float* values, size_t v) {
    Vector loaded;
    std::memcpy(&loaded, values + v * kFloats, sizeof(loaded));
    return loaded;
  }

  Vector values_[kVectors] = {};
};

}  // namespace allmodes::diagnostics
