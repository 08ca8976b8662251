// How far samples lie from each other.

#include "diagnostics/modes/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/small_matrix.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kPairs = 4096;
constexpr double kNearShare = 0.01;
constexpr double kFlat = 0.1;  // of the reals' variance in a direction
constexpr int64_t kWidestTurned = 32;

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
      if (found[a] != 0 && found[b] != 0) continue;
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
  return median(std::move(distances));
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

// The features in which the samples are not flat beside reals of such widths; all where they are so
// in all.
std::vector<size_t> full_directions(const FeatureRows& samples,
                                    const std::vector<double>& of_reals) {
  const auto of_samples = widths_of(samples);
  std::vector<size_t> full;
  for (size_t j = 0; j < of_reals.size(); ++j)
    if (of_samples[j] * of_samples[j] >= kFlat * of_reals[j] * of_reals[j]) full.push_back(j);
  if (!full.empty()) return full;
  for (size_t j = 0; j < of_reals.size(); ++j) full.push_back(j);
  return full;
}

// Of finite rows about their mean.
std::vector<double> covariance_of_rows(const FeatureRows& rows) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<double> mean(w, 0), covariance(w * w, 0);
  double count = 0;
  const auto each_finite = [&](const auto& visit) {
    for (size_t at = 0; at < rows.features.size(); at += w) {
      const std::span<const float> row(&rows.features[at], w);
      if (std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) visit(row);
    }
  };
  each_finite([&](std::span<const float> row) {
    ++count;
    for (size_t j = 0; j < w; ++j) mean[j] += static_cast<double>(row[j]);
  });
  for (double& value : mean) value /= std::max(1.0, count);
  each_finite([&](std::span<const float> row) {
    for (size_t i = 0; i < w; ++i)
      for (size_t j = 0; j < w; ++j)
        covariance[i * w + j] += (static_cast<double>(row[i]) - mean[i]) *
                                 (static_cast<double>(row[j]) - mean[j]) / std::max(1.0, count);
  });
  return covariance;
}

// `turn` [made][width].
FeatureRows turned_rows(const FeatureRows& rows, const std::vector<double>& turn) {
  const auto w = static_cast<size_t>(rows.width);
  FeatureRows made{.width = std::ssize(turn) / rows.width, .features = {}, .modes = rows.modes};
  for (size_t at = 0; at < rows.features.size(); at += w)
    for (size_t i = 0; i < turn.size(); i += w) {
      double sum = 0;
      for (size_t j = 0; j < w; ++j)
        sum += turn[i + j] * static_cast<double>(rows.features[at + j]);
      made.features.push_back(static_cast<float>(sum));
    }
  return made;
}

// Rows in coordinates in which the reals' covariance is I and the samples' is diagonal: whatever
// direction samples are flat in is a coordinate. Directions in which the reals have no variance are
// left out.
struct Turned {
  FeatureRows samples;
  FeatureRows reals;
};
Turned turned(const FeatureRows& samples, const FeatureRows& reals) {
  const auto n = static_cast<size_t>(reals.width);
  const auto whiten = whitening(covariance_of_rows(reals), reals.width, reals.width);
  const size_t rows = whiten.size() / n;
  const Eigen axes = eigen(congruence(whiten, covariance_of_rows(samples), reals.width),
                           static_cast<int64_t>(rows));
  std::vector<double> turn(rows * n, 0);
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < rows; ++k)
      for (size_t j = 0; j < n; ++j)
        turn[i * n + j] += axes.vectors[i * rows + k] * whiten[k * n + j];
  return {turned_rows(samples, turn), turned_rows(reals, turn)};
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
  reference.widths = widths_of(reference.reals);
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
  const auto share = [&](const FeatureRows& rows, double scale, float near_square) {
    if (!std::isfinite(scale)) return std::numeric_limits<double>::quiet_NaN();
    const auto limit = static_cast<float>(scale * scale * static_cast<double>(near_square));
    return static_cast<double>(rows_with_neighbor(rows, count, limit)) / static_cast<double>(count);
  };
  const auto in_full = [&](const FeatureRows& rows, const FeatureRows& reals,
                           const std::vector<size_t>& full) {
    const FeatureRows made = only(rows, full, rows.size());
    const FeatureRows beside = only(reals, full, reals.size());
    return share(made, median_distance(made, kDistanceKey) / median_distance(beside, kReferenceKey),
                 near_square_of(beside, reference.near_count));
  };
  const auto full = full_directions(samples, reference.widths);
  if (std::ssize(full) < samples.width) return in_full(samples, reference.reals, full);
  if (samples.width > 1 && samples.width <= kWidestTurned && reference.median_distance > 0) {
    const Turned rows = turned(samples, reference.reals);
    const auto of_turned = full_directions(rows.samples, widths_of(rows.reals));
    if (std::ssize(of_turned) < rows.samples.width)
      return in_full(rows.samples, rows.reals, of_turned);
  }
  return share(samples, distance_ratio(samples, reference, kDistanceKey), reference.near_square);
}

}  // namespace allmodes::diagnostics
