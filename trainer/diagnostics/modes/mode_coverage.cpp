// Whether the reals of each mode are reached, and the samples lie on reals.

#include "diagnostics/modes/comparison.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/strip.h"

namespace allmodes::diagnostics {
namespace {

// `count` of the rows, one column after the other: rows that lie evenly among all, so that samples
// in an order of modes are not cut off after the first modes. What fills the last strip is
// infinitely far.
class Columns {
 public:
  Columns(const Features& rows, int64_t count)
      : width_(static_cast<size_t>(rows.width)),
        padded_((static_cast<size_t>(count) + kStrip - 1) / kStrip * kStrip),
        values_(padded_ * width_, std::numeric_limits<float>::infinity()) {
    for (int64_t i = 0; i < count; ++i)
      for (size_t j = 0; j < width_; ++j)
        values_[j * padded_ + static_cast<size_t>(i)] = rows.row(i * rows.rows() / count)[j];
  }

  // Whether the squared distance of some row from `point` is at most its limit, limits[row].
  bool any_within(const float* point, const std::vector<float>& limits) const {
    for (size_t start = 0; start < padded_; start += kStrip) {
      Strip squares;
      for (size_t j = 0; j < width_; ++j)
        squares.add_squared_offsets(point[j], values_.data() + j * padded_ + start);
      if (squares.at_most(limits.data() + start) != 0) return true;
    }
    return false;
  }

  size_t padded() const { return padded_; }

 private:
  size_t width_;
  size_t padded_;              // rows, in whole strips
  std::vector<float> values_;  // [width][padded]
};

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
  const Columns columns({samples.features, samples.width}, count);
  int64_t total = 0;
  for (int64_t i = 0; i < reference.balls; ++i) {
    const std::vector<float> limits(columns.padded(), reference.square_radii[size_t(i)]);
    if (!columns.any_within(&reference.reals.features[size_t(i) * w], limits)) continue;
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
  const Features all_reals{reference.reals.features, reference.reals.width};
  const Columns reals(all_reals.part(0, reference.balls), reference.balls);
  std::vector<float> radii = reference.square_radii;
  radii.resize(reals.padded(), -1.0F);
  int64_t on_data = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<size_t>(i * samples.size() / count);
    on_data += reals.any_within(&samples.features[row * w], radii) ? 1 : 0;
  }
  return static_cast<double>(on_data) / static_cast<double>(std::max<int64_t>(1, count));
}

}  // namespace allmodes::diagnostics
