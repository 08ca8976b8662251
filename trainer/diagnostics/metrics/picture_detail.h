#pragma once

// How strong the fine detail of pictures is beside that of the reals they are most like: blur
// weakens it, noise and jagged edges raise it, and what a model leaves out or makes too narrow
// hardly changes it.

#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

struct PictureSets {
  std::span<const float> reals;  // [reals][channels][height][width]
  std::span<const float> fakes;  // [fakes][channels][height][width]
  int64_t channels = 0;
  int64_t height = 0;  // 4 or more
  int64_t width = 0;
};

struct DetailFigures {
  // Median over fakes of the energy of the detail over that of the nearest real, over the same
  // median of reals and their nearest other real; 1 when equal, > 0.
  double ratio = 1;
  double log10_tail = 0;  // of the rank sum of these ratios, two-sided
  // Share of fakes whose ratio is above that of 99 in 100 reals: a part of them is noise.
  double rougher = 0;
  double rougher_reals = 0;
  double rougher_log10_tail = 0;  // of so many
};

// The energy is the sum of squared differences of each inner pixel from the mean of its four
// neighbours. `nearest_of_real` [reals] and `nearest_of_fake` [fakes]: rows of reals.
DetailFigures compare_detail(const PictureSets& sets, const std::vector<int64_t>& nearest_of_real,
                             const std::vector<int64_t>& nearest_of_fake);

}  // namespace allmodes::diagnostics
