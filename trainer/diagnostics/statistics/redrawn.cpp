#include "diagnostics/statistics/redrawn.h"

#include <algorithm>
#include <numeric>

namespace allmodes::diagnostics {

std::vector<int64_t> redrawn(std::span<const int64_t> counts, const NoiseKey& key) {
  std::vector<int64_t> ends(counts.size());
  std::partial_sum(counts.begin(), counts.end(), ends.begin());
  std::vector<int64_t> drawn(counts.size(), 0);
  if (ends.empty()) return drawn;
  Random random(key);
  for (int64_t i = 0; i < ends.back(); ++i) {
    const auto at = static_cast<int64_t>(random.below(static_cast<uint64_t>(ends.back())));
    ++drawn[static_cast<size_t>(std::ranges::upper_bound(ends, at) - ends.begin())];
  }
  return drawn;
}

}  // namespace allmodes::diagnostics
