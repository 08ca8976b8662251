#include "objectives/kernel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace allmodes::objectives {
namespace {

constexpr double kScales[] = {.1, .2, .5, 1, 2, 5, 10};

// Of means on a circle in the first two dimensions (training/noise.cpp), all coordinates together.
double variance_of_means(const config::Latent& latent) {
  double total = 0;
  for (int64_t axis = 0; axis < std::min<int64_t>(2, latent.dimension); ++axis) {
    double sum = 0, square = 0;
    for (int64_t i = 0; i < latent.components; ++i) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(latent.components);
      const double x = latent.radius * (axis == 0 ? std::cos(angle) : std::sin(angle));
      sum += x;
      square += x * x;
    }
    const auto count = static_cast<double>(latent.components);
    total += square / count - sum / count * sum / count;
  }
  return total;
}

}  // namespace

double prior_variance(const config::Latent& latent) {
  if (latent.distribution == "uniform") return 1.0 / 3;
  if (latent.distribution != "mixture") return 1;  // normal; sphere of radius sqrt(dimension)
  return latent.std * latent.std +
         variance_of_means(latent) / static_cast<double>(latent.dimension);
}

KernelFunction make_kernel(const config::Kernel& kernel, const config::Latent& latent) {
  const double width =
      2 * static_cast<double>(latent.dimension) * prior_variance(latent) * kernel.scale;
  if (kernel.kind == "rbf") return {.inverse_multiquadric = false, .widths = {width}};
  KernelFunction function;
  for (const double scale : kScales) function.widths.push_back(width * scale);
  return function;
}

}  // namespace allmodes::objectives
