#include "diagnostics/latents/linear_units.h"

#include <algorithm>

#include "base/error.h"

namespace allmodes::diagnostics {

LinearUnits linear_units(std::span<const double> variances, double total, double noise,
                         int64_t latent) {
  ALLMODES_CHECK(total > 0 && noise > 0, "a variance of {} and noise of {}", total, noise);
  LinearUnits found;
  double left = total;
  for (const double variance : variances) {
    if (found.units == latent || variance <= noise) break;
    ++found.units;
    // The mean of the code is pulled towards 0, by noise / variance.
    left -= variance - noise * noise / variance;
  }
  found.residual = std::clamp(left / total, 0.0, 1.0);
  return found;
}

}  // namespace allmodes::diagnostics
