#include "diagnostics/modes/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

double lowest(const std::vector<ModeShare>& modes) {
  return modes.empty() ? 1 : std::min(1.0, std::ranges::min(modes, {}, &ModeShare::share).share);
}

double largest(const std::vector<ModeDeficit>& modes) {
  return modes.empty() ? 0 : std::ranges::max(modes, {}, &ModeDeficit::deficit).deficit;
}

}  // namespace

void check(const FeatureRows& rows) {
  ALLMODES_CHECK(rows.width >= 1 && rows.features.size() == rows.modes.size() * size_t(rows.width),
                 "{} features of {} samples in rows of {}", rows.features.size(), rows.modes.size(),
                 rows.width);
}

Reference make_reference(FeatureRows reals, int64_t mode_count) {
  check(reals);
  ALLMODES_CHECK(reals.size() >= 2 && mode_count >= 1, "a reference of {} reals and {} modes",
                 reals.size(), mode_count);
  Reference made{.reals = std::move(reals), .mode_count = mode_count};
  made.balls = std::min(kMostBalls, made.reals.size());
  made.balls_of_mode.assign(static_cast<size_t>(mode_count), 0);
  for (int64_t i = 0; i < made.balls; ++i) {
    const int64_t mode = made.reals.modes[static_cast<size_t>(i)];
    if (mode >= 0 && mode < mode_count) ++made.balls_of_mode[static_cast<size_t>(mode)];
  }
  made.modes_are_large = std::ranges::max(made.balls_of_mode) >= kFewestBalls;
  made.moments =
      moments_of(made.reals, made.modes_are_large ? mode_count : 1, !made.modes_are_large);
  made.square_radii = ball_square_radii(made.reals, made.balls);
  measure_distances(made);
  return made;
}

ByMode measure_by_mode(const FeatureRows& samples, const Reference& reference) {
  return {coverage_by_mode(samples, reference), spread_by_mode(samples, reference),
          halves_by_mode(samples, reference)};
}

const std::vector<Figure>& figures() {
  static const std::vector<Figure> kFigures = {
      {"lowest_coverage", Worse::low,
       [](const auto&, const auto&, const ByMode& modes) { return lowest(modes.coverage); }},
      {"on_data", Worse::low,
       [](const auto& samples, const auto& reference, const auto&) {
         return share_on_data(samples, reference);
       }},
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
  Random random({.seed = seed, .purpose = Purpose("null draw"), .step = draw});
  const std::vector<int64_t> order = random_order(std::ssize(pool.modes), count, random);
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
  const double middle = median(draws);
  const double share = static_cast<double>(count) / static_cast<double>(pool);
  const double factor = std::sqrt((1 + share) / (1 - share));
  for (double& draw : draws) draw = middle + factor * (draw - middle);
  return draws;
}

}  // namespace allmodes::diagnostics
