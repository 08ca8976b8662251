#include "diagnostics/modes/mixture_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

void check_mixture(std::span<const float> points, const Mixture& mixture) {
  const size_t modes = mixture.stds.size();
  ALLMODES_CHECK(modes > 0 && mixture.means.size() == 2 * modes,
                 "a mixture of {} deviations and {} coordinates of means", modes,
                 mixture.means.size());
  ALLMODES_CHECK(points.size() % 2 == 0, "{} coordinates of 2-D points", points.size());
  for (const double std : mixture.stds) {
    ALLMODES_CHECK(std > 0, "a mode with standard deviation {}", std);
  }
}

struct Nearest {
  int64_t mode = -1;
  double square = std::numeric_limits<double>::infinity();  // distance in deviations, squared
};

Nearest nearest_mode(double x, double y, const Mixture& mixture) {
  Nearest nearest;
  if (!std::isfinite(x) || !std::isfinite(y)) return nearest;
  for (size_t k = 0; k < mixture.stds.size(); ++k) {
    const double scale = 1 / mixture.stds[k];
    const double dx = (x - mixture.means[2 * k]) * scale;
    const double dy = (y - mixture.means[2 * k + 1]) * scale;
    const double distance = dx * dx + dy * dy;
    if (distance < nearest.square) nearest = {static_cast<int64_t>(k), distance};
  }
  return nearest;
}

}  // namespace

MixtureCounts count_modes(std::span<const float> points, const Mixture& mixture) {
  check_mixture(points, mixture);
  const size_t modes = mixture.stds.size();
  MixtureCounts counts{.nearest = std::vector<int64_t>(modes),
                       .high_quality = std::vector<int64_t>(modes)};
  for (size_t i = 0; i < points.size(); i += 2) {
    const Nearest nearest = nearest_mode(points[i], points[i + 1], mixture);
    if (nearest.mode < 0) {
      ++counts.nonfinite;
      continue;
    }
    const auto k = static_cast<size_t>(nearest.mode);
    ++counts.nearest[k];
    ++counts.samples;
    if (nearest.square < kHighQualityRadius * kHighQualityRadius) ++counts.high_quality[k];
  }
  return counts;
}

std::vector<int64_t> nearest_modes(std::span<const float> points, const Mixture& mixture) {
  check_mixture(points, mixture);
  std::vector<int64_t> modes;
  for (size_t i = 0; i < points.size(); i += 2)
    modes.push_back(nearest_mode(points[i], points[i + 1], mixture).mode);
  return modes;
}

double high_quality_share(const MixtureCounts& counts) {
  const int64_t total = counts.samples + counts.nonfinite;
  if (total == 0) return 0;
  const int64_t good =
      std::accumulate(counts.high_quality.begin(), counts.high_quality.end(), int64_t{0});
  return static_cast<double>(good) / static_cast<double>(total);
}

int64_t modes_with_quality(const MixtureCounts& counts, int64_t at_least) {
  ALLMODES_CHECK(at_least >= 1, "a mode is covered by {} samples", at_least);
  return std::ranges::count_if(counts.high_quality,
                               [&](int64_t count) { return count >= at_least; });
}

}  // namespace allmodes::diagnostics
