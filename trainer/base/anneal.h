#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace allmodes {

// The way of a number from `first` to `last` over `over` samples, by half a cosine, when `seen`
// have been seen: first + (last - first) (1 - cos(pi seen / over)) / 2, and `last` from then on
// (Huang et al., arXiv 2501.05441, appendix). `over` 0: it stays at `first`.
inline double annealed(double first, double last, int64_t seen, int64_t over) {
  if (over <= 0) return first;
  const double progress =
      std::clamp(static_cast<double>(seen) / static_cast<double>(over), 0.0, 1.0);
  return first + (last - first) * 0.5 * (1 - std::cos(std::numbers::pi * progress));
}

}  // namespace allmodes
