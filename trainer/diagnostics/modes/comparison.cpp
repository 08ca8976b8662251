#include "diagnostics/modes/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/small_matrix.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kPairs = 4096;
constexpr double kNearShare = 0.01;
const NoiseKey kDistanceKey{.seed = 1, .purpose = Purpose("distance ratio")};

void check(const FeatureRows& rows) {
  ALLMODES_CHECK(rows.width >= 1 && rows.features.size() == rows.modes.size() * size_t(rows.width),
                 "{} features of {} samples in rows of {}", rows.features.size(), rows.modes.size(),
                 rows.width);
}

float square_distance(const float* a, const float* b, size_t width) {
  float sum = 0;
  for (size_t j = 0; j < width; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

struct Covariance {
  int64_t samples = 0;
  std::vector<double> mean;
  std::vector<double> matrix;  // [width][width], population
};

// Of each mode, about `centers` (the reals' means) so that no digits are lost.
std::vector<Covariance> covariances(const FeatureRows& rows, int64_t modes, bool as_one,
                                    const std::vector<Reference::Moments>& centers) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<Covariance> found(static_cast<size_t>(modes));
  for (auto& each : found) {
    each.mean.assign(w, 0.0);
    each.matrix.assign(w * w, 0.0);
  }
  std::vector<double> offset(w);
  for (size_t i = 0; i < rows.modes.size(); ++i) {
    const int64_t mode = as_one ? 0 : rows.modes[i];
    if (mode < 0 || mode >= modes) continue;
    const auto k = static_cast<size_t>(mode);
    bool finite = true;
    for (size_t j = 0; j < w; ++j) {
      offset[j] = rows.features[i * w + j] - (centers.empty() ? 0.0 : centers[k].mean[j]);
      finite = finite && std::isfinite(offset[j]);
    }
    if (!finite) continue;
    ++found[k].samples;
    for (size_t a = 0; a < w; ++a) {
      found[k].mean[a] += offset[a];
      for (size_t b = 0; b <= a; ++b) found[k].matrix[a * w + b] += offset[a] * offset[b];
    }
  }
  for (auto& each : found) {
    if (each.samples == 0) continue;
    const auto n = static_cast<double>(each.samples);
    for (double& value : each.mean) value /= n;
    for (size_t a = 0; a < w; ++a) {
      for (size_t b = 0; b <= a; ++b) {
        each.matrix[a * w + b] = each.matrix[a * w + b] / n - each.mean[a] * each.mean[b];
        each.matrix[b * w + a] = each.matrix[a * w + b];
      }
    }
  }
  return found;
}

// Where the rows of each mode lie along its directions, about its mean: [modes][directions][rows];
// no directions of modes that are not measured.
std::vector<std::vector<std::vector<double>>> scores_of(
    const FeatureRows& rows, bool as_one, const std::vector<Reference::Moments>& moments) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<std::vector<std::vector<double>>> scores;
  for (const auto& each : moments) scores.emplace_back(each.whitening.size() / w);
  for (size_t i = 0; i < rows.modes.size(); ++i) {
    const int64_t mode = as_one ? 0 : rows.modes[i];
    if (mode < 0 || mode >= std::ssize(moments)) continue;
    const auto k = static_cast<size_t>(mode);
    for (size_t d = 0; d < scores[k].size(); ++d) {
      double score = 0;
      for (size_t j = 0; j < w; ++j)
        score += moments[k].whitening[d * w + j] * (rows.features[i * w + j] - moments[k].mean[j]);
      if (std::isfinite(score)) scores[k][d].push_back(score);
    }
  }
  return scores;
}

double share_below(const std::vector<double>& scores, double limit) {
  return static_cast<double>(
             std::ranges::count_if(scores, [&](double score) { return score < limit; })) /
         static_cast<double>(scores.size());
}

// How far `value` falls short of 1, in units of what the sampling of n samples and m reals gives.
double deficit(double value, int64_t samples, int64_t reals) {
  const auto n = static_cast<double>(samples);
  const auto m = static_cast<double>(reals);
  return (1 - value) * std::sqrt(n * m / (n + m));
}

// Means first, then covariances about them, then medians.
std::vector<Reference::Moments> moments_of(const FeatureRows& reals, int64_t modes, bool as_one) {
  std::vector<Reference::Moments> moments;
  for (auto& each : covariances(reals, modes, as_one, {}))
    moments.push_back({.samples = each.samples,
                       .mean = std::move(each.mean),
                       .whitening = {},
                       .medians = {},
                       .below = {}});
  const auto about = covariances(reals, modes, as_one, moments);
  for (size_t k = 0; k < moments.size(); ++k)
    if (about[k].samples >= kFewestInMode)
      moments[k].whitening = whitening(about[k].matrix, reals.width, kSpreadDirections);
  auto scores = scores_of(reals, as_one, moments);
  for (size_t k = 0; k < moments.size(); ++k) {
    for (std::vector<double>& along : scores[k]) {
      const auto middle = along.begin() + std::ssize(along) / 2;
      std::nth_element(along.begin(), middle, along.end());
      moments[k].medians.push_back(*middle);
      moments[k].below.push_back(share_below(along, *middle));
    }
  }
  return moments;
}

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

double lowest(const std::vector<ModeShare>& modes) {
  return modes.empty() ? 1 : std::min(1.0, std::ranges::min(modes, {}, &ModeShare::share).share);
}

double largest(const std::vector<ModeDeficit>& modes) {
  return modes.empty() ? 0 : std::ranges::max(modes, {}, &ModeDeficit::deficit).deficit;
}

}  // namespace

Reference make_reference(FeatureRows reals, int64_t mode_count) {
  check(reals);
  ALLMODES_CHECK(reals.size() >= 2 && mode_count >= 1, "a reference of {} reals and {} modes",
                 reals.size(), mode_count);
  Reference made{.reals = std::move(reals), .mode_count = mode_count};
  const auto w = static_cast<size_t>(made.reals.width);
  made.balls = std::min(kMostBalls, made.reals.size());
  made.balls_of_mode.assign(static_cast<size_t>(mode_count), 0);
  for (int64_t i = 0; i < made.balls; ++i) {
    const int64_t mode = made.reals.modes[static_cast<size_t>(i)];
    if (mode >= 0 && mode < mode_count) ++made.balls_of_mode[static_cast<size_t>(mode)];
  }
  made.modes_are_large = std::ranges::max(made.balls_of_mode) >= kFewestBalls;
  made.moments =
      moments_of(made.reals, made.modes_are_large ? mode_count : 1, !made.modes_are_large);
  std::vector<float> distances(static_cast<size_t>(made.balls));
  const auto nearest = std::min<int64_t>(kNearest, made.balls - 1);
  for (int64_t i = 0; i < made.balls; ++i) {
    for (int64_t j = 0; j < made.balls; ++j)
      distances[size_t(j)] = square_distance(&made.reals.features[size_t(i) * w],
                                             &made.reals.features[size_t(j) * w], w);
    // The ball's own real is the nearest to it.
    std::nth_element(distances.begin(), distances.begin() + nearest, distances.end());
    made.square_radii.push_back(distances[size_t(nearest)]);
  }
  const auto pairs = random_pairs({.seed = 1, .purpose = Purpose("reference distances")},
                                  static_cast<uint64_t>(made.reals.size()), kPairs);
  made.mean_distance = mean(pair_distances(made.reals.features, made.reals.width, pairs));
  made.near_count = std::clamp<int64_t>(made.reals.size() / 2, 2, kMostNear);
  auto nearest_reals = nearest_squares(made.reals, made.near_count);
  const auto near =
      nearest_reals.begin() +
      static_cast<std::ptrdiff_t>(kNearShare * static_cast<double>(nearest_reals.size()));
  std::nth_element(nearest_reals.begin(), near, nearest_reals.end());
  made.near_square = *near;
  return made;
}

std::vector<ModeShare> coverage_by_mode(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  ALLMODES_CHECK(samples.width == reference.reals.width, "features of {} and {} values",
                 samples.width, reference.reals.width);
  const auto w = static_cast<size_t>(samples.width);
  const bool by_mode = reference.modes_are_large;
  std::vector<int64_t> covered(static_cast<size_t>(reference.mode_count), 0);
  int64_t total = 0;
  for (int64_t i = 0; i < reference.balls; ++i) {
    const float* real = &reference.reals.features[size_t(i) * w];
    const float radius = reference.square_radii[size_t(i)];
    bool hit = false;
    for (size_t j = 0; j < samples.modes.size() && !hit; ++j)
      hit = square_distance(real, &samples.features[j * w], w) <= radius;
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

std::vector<ModeDeficit> spread_by_mode(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const bool as_one = !reference.modes_are_large;
  const auto modes = static_cast<int64_t>(reference.moments.size());
  const auto found = covariances(samples, modes, as_one, reference.moments);
  std::vector<ModeDeficit> spreads;
  for (size_t k = 0; k < found.size(); ++k) {
    const auto& real = reference.moments[k];
    if (real.whitening.empty() || found[k].samples < kFewestInMode) continue;
    const auto directions = static_cast<int64_t>(real.whitening.size()) / samples.width;
    const double spread =
        eigen(congruence(real.whitening, found[k].matrix, samples.width), directions).values.back();
    spreads.push_back({as_one ? -1 : static_cast<int64_t>(k), std::max(0.0, spread),
                       deficit(spread, found[k].samples, real.samples)});
  }
  return spreads;
}

std::vector<ModeDeficit> halves_by_mode(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const bool as_one = !reference.modes_are_large;
  const auto scores = scores_of(samples, as_one, reference.moments);
  std::vector<ModeDeficit> halves;
  for (size_t k = 0; k < scores.size(); ++k) {
    const auto& real = reference.moments[k];
    if (scores[k].empty() || std::ssize(scores[k].front()) < kFewestInMode) continue;
    double lowest = 1;
    for (size_t d = 0; d < scores[k].size(); ++d) {
      // Of values that repeat, half may be at the median itself.
      if (real.below[d] <= 0) continue;
      const double share = share_below(scores[k][d], real.medians[d]);
      lowest = std::min({lowest, share / real.below[d], (1 - share) / (1 - real.below[d])});
    }
    halves.push_back({as_one ? -1 : static_cast<int64_t>(k), lowest,
                      deficit(lowest, std::ssize(scores[k].front()), real.samples)});
  }
  return halves;
}

double distance_ratio(const FeatureRows& samples, const Reference& reference, const NoiseKey& key) {
  check(samples);
  if (samples.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const auto pairs = random_pairs(key, static_cast<uint64_t>(samples.size()), kPairs);
  const double distance = mean(pair_distances(samples.features, samples.width, pairs));
  if (reference.mean_distance > 0) return distance / reference.mean_distance;
  return distance == 0 ? 1 : std::numeric_limits<double>::infinity();
}

double near_duplicates(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const int64_t count = std::min(reference.near_count, samples.size());
  const double scale = distance_ratio(samples, reference, kDistanceKey);
  if (count < 2 || !std::isfinite(scale)) return std::numeric_limits<double>::quiet_NaN();
  const auto limit = static_cast<float>(scale * scale * static_cast<double>(reference.near_square));
  return static_cast<double>(rows_with_neighbor(samples, count, limit)) /
         static_cast<double>(count);
}

ByMode measure_by_mode(const FeatureRows& samples, const Reference& reference) {
  return {coverage_by_mode(samples, reference), spread_by_mode(samples, reference),
          halves_by_mode(samples, reference)};
}

const std::vector<Figure>& figures() {
  static const std::vector<Figure> kFigures = {
      {"lowest_coverage", Worse::low,
       [](const auto&, const auto&, const ByMode& modes) { return lowest(modes.coverage); }},
      {"spread_deficit", Worse::high,
       [](const auto&, const auto&, const ByMode& modes) { return largest(modes.spread); }},
      {"half_deficit", Worse::high,
       [](const auto&, const auto&, const ByMode& modes) { return largest(modes.halves); }},
      {"distance_ratio", Worse::low,
       [](const auto& samples, const auto& reference, const auto&) {
         return distance_ratio(samples, reference, kDistanceKey);
       }},
      {"near_duplicates", Worse::high,
       [](const auto& samples, const auto& reference, const auto&) {
         return near_duplicates(samples, reference);
       }},
  };
  return kFigures;
}

FeatureRows rows_of(const FeatureRows& pool, std::span<const int64_t> chosen) {
  const auto w = static_cast<size_t>(pool.width);
  FeatureRows rows{.width = pool.width, .features = {}, .modes = {}};
  rows.features.reserve(chosen.size() * w);
  rows.modes.reserve(chosen.size());
  for (const int64_t index : chosen) {
    const auto i = static_cast<size_t>(index);
    rows.features.insert(rows.features.end(), pool.features.begin() + std::ptrdiff_t(i * w),
                         pool.features.begin() + std::ptrdiff_t((i + 1) * w));
    rows.modes.push_back(pool.modes[i]);
  }
  return rows;
}

std::vector<double> null_draw(const FeatureRows& pool, const Reference& reference, int64_t count,
                              uint64_t seed, uint64_t draw) {
  check(pool);
  ALLMODES_CHECK(count >= 1 && count <= pool.size(), "{} of {} rows", count, pool.size());
  std::vector<int64_t> order(pool.modes.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  Random random({.seed = seed, .purpose = Purpose("null draw"), .step = draw});
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    std::swap(order[i], order[i + random.below(order.size() - i)]);
  const FeatureRows samples = rows_of(pool, std::span(order).first(static_cast<size_t>(count)));
  const ByMode by_mode = measure_by_mode(samples, reference);
  std::vector<double> values;
  for (const Figure& figure : figures())
    values.push_back(figure.value(samples, reference, by_mode));
  return values;
}

std::vector<double> as_fresh(std::vector<double> draws, int64_t count, int64_t pool) {
  ALLMODES_CHECK(!draws.empty() && count >= 1 && count < pool, "{} draws of {} of {} rows",
                 draws.size(), count, pool);
  std::vector<double> sorted = draws;
  const auto middle = sorted.begin() + std::ssize(sorted) / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double share = static_cast<double>(count) / static_cast<double>(pool);
  const double factor = std::sqrt((1 + share) / (1 - share));
  for (double& draw : draws) draw = *middle + factor * (draw - *middle);
  return draws;
}

}  // namespace allmodes::diagnostics
