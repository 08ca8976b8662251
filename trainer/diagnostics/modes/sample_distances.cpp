// How far samples lie from each other.

#include "diagnostics/modes/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "diagnostics/statistics/moments.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kPairs = 4096;
constexpr double kNearShare = 0.01;
constexpr double kFlat = 0.1;  // of the reals' variance in a direction

// Each row's squared distance to its nearest other one, of the first `count`.
std::vector<float> nearest_squares(const FeatureRows& rows, int64_t count) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<float> nearest(static_cast<size_t>(count), std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < nearest.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const float square = square_distance(&rows.features[i * w], &rows.features[j * w], w);
      nearest[i] = std::min(nearest[i], square);
      nearest[j] = std::min(nearest[j], square);
    }
  return nearest;
}

// How many of the first `count` rows have another one of these no farther than `limit` (squared).
// In the order of their first feature only those within reach are looked at.
int64_t rows_with_neighbor(const FeatureRows& rows, int64_t count, float limit) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<size_t> order;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    if (std::isfinite(rows.features[i * w])) order.push_back(i);
  std::ranges::sort(order, {}, [&](size_t i) { return rows.features[i * w]; });
  std::vector<uint8_t> found(order.size(), 0);
  for (size_t a = 0; a < order.size(); ++a) {
    const float* row = &rows.features[order[a] * w];
    for (size_t b = a + 1; b < order.size(); ++b) {
      const float* other = &rows.features[order[b] * w];
      if (square_distance(row, other, 1) > limit) break;
      if (square_distance(row, other, w) <= limit) found[a] = found[b] = 1;
    }
  }
  return std::ranges::count(found, 1);
}

double median_distance(const FeatureRows& rows, const NoiseKey& key) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<double> distances;
  for (const auto& [first, second] : random_pairs(key, static_cast<uint64_t>(rows.size()), kPairs))
    distances.push_back(std::sqrt(static_cast<double>(
        square_distance(&rows.features[first * w], &rows.features[second * w], w))));
  // Of a NaN among the samples nothing is said.
  if (!std::ranges::all_of(distances, [](double distance) { return std::isfinite(distance); }))
    return std::numeric_limits<double>::quiet_NaN();
  const auto middle = distances.begin() + std::ssize(distances) / 2;
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle;
}

// The squared distance within which a hundredth of the first `count` rows have another one.
float near_square_of(const FeatureRows& rows, int64_t count) {
  auto nearest = nearest_squares(rows, count);
  const auto near = nearest.begin() +
                    static_cast<std::ptrdiff_t>(kNearShare * static_cast<double>(nearest.size()));
  std::nth_element(nearest.begin(), near, nearest.end());
  return *near;
}

// Median absolute offset from the median of each feature: a width that a few rows do not set.
std::vector<double> widths_of(const FeatureRows& rows) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<double> widths;
  for (size_t j = 0; j < w; ++j) {
    std::vector<double> values;
    for (size_t i = j; i < rows.features.size(); i += w)
      if (std::isfinite(rows.features[i])) values.push_back(rows.features[i]);
    if (values.empty()) return std::vector<double>(w, 0.0);
    const auto middle = values.begin() + std::ssize(values) / 2;
    std::nth_element(values.begin(), middle, values.end());
    const double centre = *middle;
    for (double& value : values) value = std::abs(value - centre);
    std::nth_element(values.begin(), middle, values.end());
    widths.push_back(*middle);
  }
  return widths;
}

// The features in which the samples are not flat; all where they are so in all.
std::vector<size_t> full_directions(const FeatureRows& samples, const FeatureRows& reals) {
  const auto of_samples = widths_of(samples);
  const auto of_reals = widths_of(reals);
  std::vector<size_t> full;
  for (size_t j = 0; j < of_reals.size(); ++j)
    if (of_samples[j] * of_samples[j] >= kFlat * of_reals[j] * of_reals[j]) full.push_back(j);
  if (!full.empty()) return full;
  for (size_t j = 0; j < of_reals.size(); ++j) full.push_back(j);
  return full;
}

FeatureRows only(const FeatureRows& rows, const std::vector<size_t>& features, int64_t count) {
  FeatureRows made{.width = std::ssize(features), .features = {}, .modes = {}};
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    for (const size_t j : features)
      made.features.push_back(rows.features[i * static_cast<size_t>(rows.width) + j]);
    made.modes.push_back(rows.modes[i]);
  }
  return made;
}

const NoiseKey kReferenceKey{.seed = 1, .purpose = Purpose("reference distances")};

}  // namespace

void measure_distances(Reference& reference) {
  reference.median_distance = median_distance(reference.reals, kReferenceKey);
  reference.near_count = std::clamp<int64_t>(reference.reals.size() / 2, 2, kMostNear);
  reference.near_square = near_square_of(reference.reals, reference.near_count);
}

double distance_ratio(const FeatureRows& samples, const Reference& reference, const NoiseKey& key) {
  check(samples);
  if (samples.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double distance = median_distance(samples, key);
  if (reference.median_distance > 0) return distance / reference.median_distance;
  return distance == 0 ? 1 : std::numeric_limits<double>::infinity();
}

double near_duplicates(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const int64_t count = std::min(reference.near_count, samples.size());
  if (count < 2) return std::numeric_limits<double>::quiet_NaN();
  const auto full = full_directions(samples, reference.reals);
  const bool all = std::ssize(full) == samples.width;
  const FeatureRows made = only(samples, full, all ? count : samples.size());
  double scale = distance_ratio(samples, reference, kDistanceKey);
  float near_square = reference.near_square;
  if (!all) {
    const FeatureRows reals = only(reference.reals, full, reference.reals.size());
    near_square = near_square_of(reals, reference.near_count);
    scale = median_distance(made, kDistanceKey) / median_distance(reals, kReferenceKey);
  }
  if (!std::isfinite(scale)) return std::numeric_limits<double>::quiet_NaN();
  const auto limit = static_cast<float>(scale * scale * static_cast<double>(near_square));
  return static_cast<double>(rows_with_neighbor(made, count, limit)) / static_cast<double>(count);
}

}  // namespace allmodes::diagnostics
