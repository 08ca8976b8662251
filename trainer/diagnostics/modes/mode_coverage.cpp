// Whether the reals of each mode are reached, and the samples lie on reals.

#include "diagnostics/modes/comparison.h"

#include <algorithm>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// The j-th of `count` samples that lie evenly among all, so that samples in an order of modes are
// not cut off after the first modes.
const float* spread_sample(const FeatureRows& samples, int64_t j, int64_t count) {
  return &samples.features[static_cast<size_t>(j * samples.size() / count * samples.width)];
}

}  // namespace

std::vector<float> ball_square_radii(const FeatureRows& reals, int64_t balls) {
  const auto w = static_cast<size_t>(reals.width);
  std::vector<float> distances(static_cast<size_t>(balls));
  std::vector<float> radii;
  const auto nearest = std::min<int64_t>(kNearest, balls - 1);
  for (int64_t i = 0; i < balls; ++i) {
    for (int64_t j = 0; j < balls; ++j)
      distances[size_t(j)] =
          square_distance(&reals.features[size_t(i) * w], &reals.features[size_t(j) * w], w);
    // The ball's own real is the nearest to it.
    std::nth_element(distances.begin(), distances.begin() + nearest, distances.end());
    radii.push_back(distances[size_t(nearest)]);
  }
  return radii;
}

std::vector<ModeShare> coverage_by_mode(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  ALLMODES_CHECK(samples.width == reference.reals.width, "features of {} and {} values",
                 samples.width, reference.reals.width);
  const auto w = static_cast<size_t>(samples.width);
  const bool by_mode = reference.modes_are_large;
  std::vector<int64_t> covered(static_cast<size_t>(reference.mode_count), 0);
  const int64_t count = std::min(samples.size(), kMostBalls);
  int64_t total = 0;
  for (int64_t i = 0; i < reference.balls; ++i) {
    const float* real = &reference.reals.features[size_t(i) * w];
    const float radius = reference.square_radii[size_t(i)];
    bool hit = false;
    for (int64_t j = 0; j < count && !hit; ++j)
      hit = square_distance(real, spread_sample(samples, j, count), w) <= radius;
    if (!hit) continue;
    ++total;
    const int64_t mode = reference.reals.modes[size_t(i)];
    if (mode >= 0 && mode < reference.mode_count) ++covered[size_t(mode)];
  }
  if (!by_mode) return {{-1, static_cast<double>(total) / static_cast<double>(reference.balls)}};
  std::vector<ModeShare> shares;
  for (size_t k = 0; k < covered.size(); ++k) {
    const int64_t balls = reference.balls_of_mode[k];
    if (balls < kFewestBalls) continue;
    shares.push_back(
        {static_cast<int64_t>(k), static_cast<double>(covered[k]) / static_cast<double>(balls)});
  }
  return shares;
}

double share_on_data(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const auto w = static_cast<size_t>(samples.width);
  const int64_t count = std::min(samples.size(), kMostBalls);
  int64_t on_data = 0;
  for (int64_t j = 0; j < count; ++j) {
    const float* sample = spread_sample(samples, j, count);
    for (int64_t i = 0; i < reference.balls; ++i) {
      if (square_distance(&reference.reals.features[size_t(i) * w], sample, w) >
          reference.square_radii[size_t(i)])
        continue;
      ++on_data;
      break;
    }
  }
  return static_cast<double>(on_data) / static_cast<double>(std::max<int64_t>(1, count));
}

}  // namespace allmodes::diagnostics
