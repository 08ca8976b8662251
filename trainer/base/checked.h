#pragma once

// Arithmetic on sizes that a user may have chosen.

#include <cstdint>
#include <limits>

namespace allmodes {

// The product of two sizes, or the largest int64_t where it does not fit. Both >= 0.
constexpr int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::numeric_limits<int64_t>::max() : result;
}

template <typename... More>
constexpr int64_t product(int64_t a, int64_t b, More... more) {
  return product(product(a, b), more...);
}

}  // namespace allmodes
