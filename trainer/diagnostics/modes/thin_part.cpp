#include "diagnostics/modes/thin_part.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFewestRealsOfPart = 20;
constexpr int64_t kFewestSamplesOfPart = 10;
constexpr double kNeighbours = 2;
// Neighbourhood is mutual for many pairs. The statistic of nodes of equal sets (normal laws in 2 to
// 64 dimensions, heavy tails, groups, a falling spectrum; 500 to 2,000 rows of either) had a
// deviation of 1.05 to 1.5 times that of independent neighbours.
constexpr double kDependence = 1.6;

}  // namespace

PartNeighbours neighbours_of(const NeighbourHints& hints, const std::vector<uint8_t>& holds_real,
                             const std::vector<uint8_t>& holds_sample) {
  PartNeighbours part;
  for (size_t i = 0; i < holds_real.size(); ++i) {
    if (holds_real[i] == 0) continue;
    ++part.reals;
    part.recalled += hints.recalled[i];
    part.recalled_by_reals += hints.recalled_by_reals[i];
  }
  for (size_t i = 0; i < holds_sample.size(); ++i) {
    if (holds_sample[i] == 0) continue;
    ++part.samples;
    part.own_neighbours += hints.own_neighbours[i];
  }
  return part;
}

double reached_share(const PartNeighbours& part, const PartNeighbours& whole) {
  const auto of_reals = [](const PartNeighbours& rows) {
    if (rows.recalled_by_reals == 0) return 1.0;
    return static_cast<double>(rows.recalled) / static_cast<double>(rows.recalled_by_reals);
  };
  const double of_whole = std::min(1.0, of_reals(whole));
  return of_whole > 0 ? of_reals(part) / of_whole : 1;
}

bool is_thin(const PartNeighbours& part, const PartNeighbours& whole, double log10_level) {
  if (part.reals < kFewestRealsOfPart || part.samples < kFewestSamplesOfPart ||
      reached_share(part, whole) >= kThin)
    return false;
  const auto samples = static_cast<double>(part.samples);
  const double chance = (samples - 1) / (samples - 1 + static_cast<double>(part.reals));
  const double expected = kNeighbours * samples * chance;
  const double deviation = kDependence * std::sqrt(expected * (1 - chance));
  const auto found = static_cast<double>(part.own_neighbours);
  return normal_upper_log10((found - expected) / deviation) <= log10_level;
}

}  // namespace allmodes::diagnostics
