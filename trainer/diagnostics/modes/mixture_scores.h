#pragma once

// Scores of two-dimensional samples against a mixture of round Gaussians (ring, grid, custom), as
// VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018) count them: each sample belongs to
// its nearest mode, and is of high quality when its joint L2 distance to that mode's mean is below
// three standard deviations. Only counts are kept, so that ranks add exactly.

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

// Views of the mixture; K modes.
struct Mixture {
  std::span<const double> means;  // [K][2]
  std::span<const double> stds;   // [K], > 0
};

struct MixtureCounts {
  std::vector<int64_t> nearest;       // [K], samples by nearest mode
  std::vector<int64_t> high_quality;  // [K], those of them within three standard deviations
  int64_t samples = 0;                // the sum of `nearest`
  int64_t nonfinite = 0;              // samples with a NaN or infinite coordinate, in no mode

  static auto sums(auto& of) {
    return std::tie(of.nearest, of.high_quality, of.samples, of.nonfinite);
  }
};

// The distance, in standard deviations, within which a sample is of high quality.
inline constexpr double kHighQualityRadius = 3.0;

// Counts the samples points[n][2]. "Nearest" is by distance in units of each mode's own standard
// deviation, which is the plain distance when they are equal; of equally near modes the first.
// Throws ExitCode::kSoftware for a mixture without modes, std <= 0 or an odd number of coordinates.
MixtureCounts count_modes(std::span<const float> points, const Mixture& mixture);

// The nearest mode of each of points[n][2], as count_modes finds it; -1 for one that is not finite.
std::vector<int64_t> nearest_modes(std::span<const float> points, const Mixture& mixture);

// High-quality samples over all samples, non-finite ones included, in [0, 1]; 0 for no sample.
double high_quality_share(const MixtureCounts& counts);

// Modes with at least `at_least` high-quality samples: "modes covered" of the papers named above.
int64_t modes_with_quality(const MixtureCounts& counts, int64_t at_least = 1);

}  // namespace allmodes::diagnostics
