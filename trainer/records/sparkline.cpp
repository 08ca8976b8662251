#include "records/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace allmodes::records {

std::string sparkline(std::span<const double> heights) {
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string out;
  for (const double height : heights)
    out += kBlocks[static_cast<size_t>(std::clamp(std::lround(height * 7), 0L, 7L))];
  return out;
}

}  // namespace allmodes::records
