#include "diagnostics/mixture_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {

double high_quality_ceiling() {
  return -std::expm1(-0.5 * kHighQualityRadius * kHighQualityRadius);
}

MixtureCounts count_modes(std::span<const float> points, const Mixture& mixture) {
  const size_t modes = mixture.stds.size();
  ALLMODES_CHECK(modes > 0 && mixture.means.size() == 2 * modes,
                 "a mixture of {} deviations and {} coordinates of means", modes,
                 mixture.means.size());
  ALLMODES_CHECK(points.size() % 2 == 0, "{} coordinates of 2-D points", points.size());
  for (const double std : mixture.stds) {
    ALLMODES_CHECK(std > 0, "a mode with standard deviation {}", std);
  }
  MixtureCounts counts{.nearest = std::vector<int64_t>(modes),
                       .high_quality = std::vector<int64_t>(modes)};
  for (size_t i = 0; i < points.size(); i += 2) {
    const auto x = static_cast<double>(points[i]);
    const auto y = static_cast<double>(points[i + 1]);
    if (!std::isfinite(x) || !std::isfinite(y)) {
      ++counts.nonfinite;
      continue;
    }
    size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t k = 0; k < modes; ++k) {
      const double scale = 1 / mixture.stds[k];
      const double dx = (x - mixture.means[2 * k]) * scale;
      const double dy = (y - mixture.means[2 * k + 1]) * scale;
      const double distance = dx * dx + dy * dy;
      if (distance < least) {
        least = distance;
        nearest = k;
      }
    }
    ++counts.nearest[nearest];
    ++counts.samples;
    if (least < kHighQualityRadius * kHighQualityRadius) ++counts.high_quality[nearest];
  }
  return counts;
}

void merge(MixtureCounts& into, const MixtureCounts& part) {
  ALLMODES_CHECK(into.nearest.size() == part.nearest.size() &&
                     into.high_quality.size() == part.high_quality.size(),
                 "merging counts of {} and {} modes", into.nearest.size(), part.nearest.size());
  for (size_t k = 0; k < part.nearest.size(); ++k) into.nearest[k] += part.nearest[k];
  for (size_t k = 0; k < part.high_quality.size(); ++k)
    into.high_quality[k] += part.high_quality[k];
  into.samples += part.samples;
  into.nonfinite += part.nonfinite;
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
