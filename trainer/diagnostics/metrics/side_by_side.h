#pragma once

// Marks of the rows of several cuts side by side, so that what is read off a row's neighbours is
// read for all of these cuts at once, as vector instructions.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

// Cuts at once: as many marks of a row as a vector instruction reads.
inline constexpr size_t kLanes = 16;

// The next so many of the cuts, from the `first` on.
template <class T>
std::span<T> next_lanes(std::span<T> cuts, size_t first) {
  return cuts.subspan(first, std::min(kLanes, cuts.size() - first));
}

// [rows][lanes] of at most so many cuts of [rows] each; 0 in the lanes without one.
template <class T>
std::vector<T> side_by_side(std::span<const std::vector<uint8_t>> cuts, size_t lanes) {
  std::vector<T> marks(cuts.front().size() * lanes, T{0});
  for (size_t lane = 0; lane < cuts.size(); ++lane)
    for (size_t row = 0; row < cuts[lane].size(); ++row)
      marks[row * lanes + lane] = static_cast<T>(cuts[lane][row]);
  return marks;
}

}  // namespace allmodes::diagnostics
