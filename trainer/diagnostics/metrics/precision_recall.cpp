#include "diagnostics/metrics/precision_recall.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kFarthest = std::numeric_limits<double>::infinity();

// So many columns are tested at once; the compiler makes vector instructions of it.
constexpr int64_t kStrip = 16;

// Calls consider(column, value) for every column whose value may matter: value < limit(), or
// value <= reach[column]; `limit` may fall while columns are considered.
template <class Limit, class Consider>
void scan(const float* values, int64_t columns, const float* reach, const Limit& limit,
          const Consider& consider) {
  for (int64_t start = 0; start < columns; start += kStrip) {
    const int64_t end = std::min(columns, start + kStrip);
    const float below = limit();
    int64_t hits = 0;
    for (int64_t i = start; i < end; ++i)
      hits += (values[i] < below ? 1 : 0) | (values[i] <= reach[i] ? 1 : 0);
    if (hits == 0) continue;
    for (int64_t i = start; i < end; ++i)
      if (values[i] < limit() || values[i] <= reach[i]) consider(i, values[i]);
  }
}

class NeighborhoodSearch {
 public:
  NeighborhoodSearch(const Features& reals, const Features& fakes, const Balls& balls,
                     RowRange range)
      : reals_(reals), fakes_(fakes), balls_(balls), range_(range) {
    const auto count = static_cast<size_t>(range.count());
    counts_.fakes = range.count();
    counts_.recalled.assign(balls.real_coverage.size(), 0);
    counts_.covered.assign(balls.real_coverage.size(), 0);
    counts_.nearest_real.assign(count, -1);
    counts_.nearest_square.assign(count, kFarthest);
    precise_.assign(count, 0);
  }

  void visit(const DistanceBlock& block) {
    const double error = *std::max_element(block.error.begin(), block.error.end());
    reach_.resize(static_cast<size_t>(block.columns.count()));
    for (size_t i = 0; i < reach_.size(); ++i) {
      const auto real = static_cast<size_t>(block.columns.first) + i;
      reach_[i] = static_cast<float>(
          std::max(balls_.real_precision[real], balls_.real_coverage[real]) + error);
    }
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) visit_row(block, row);
  }

  NeighborhoodCounts take() {
    counts_.precise = std::accumulate(precise_.begin(), precise_.end(), int64_t{0});
    return std::move(counts_);
  }

 private:
  void visit_row(const DistanceBlock& block, int64_t row) {
    const auto at = static_cast<size_t>(row - range_.first);
    const double error = block.error_of(row);
    const double fake_ball = balls_.fake_precision[static_cast<size_t>(row)];
    const auto own = fakes_.row(row);
    double& best = counts_.nearest_square[at];
    // A distance equal to the ball's has to be considered, hence the doubled error.
    const auto limit = [&] { return static_cast<float>(std::max(best, fake_ball) + 2 * error); };
    scan(block.row(row), block.columns.count(), reach_.data(), limit,
         [&](int64_t i, float estimate) {
           const auto value = static_cast<double>(estimate);
           const int64_t column = block.columns.first + i;
           const auto real = static_cast<size_t>(column);
           double exact = -1;
           const auto distance = [&] {
             if (exact < 0) exact = squared_distance(own, reals_.row(column));
             return exact;
           };
           const auto within = [&](double radius) {
             if (value + error < radius) return true;
             return value - error <= radius && distance() <= radius;
           };
           if (within(balls_.real_precision[real])) precise_[at] = 1;
           if (within(balls_.real_coverage[real])) {
             ++counts_.inside;
             counts_.covered[real] = 1;
           }
           if (within(fake_ball)) counts_.recalled[real] = 1;
           if (value - error < best && distance() < best) {
             best = exact;
             counts_.nearest_real[at] = column;
           }
         });
  }

  const Features& reals_;
  const Features& fakes_;
  const Balls& balls_;
  RowRange range_;
  NeighborhoodCounts counts_;
  std::vector<uint8_t> precise_;
  std::vector<float> reach_;
};

double share_of(const std::vector<uint8_t>& flags) {
  return static_cast<double>(std::accumulate(flags.begin(), flags.end(), int64_t{0})) /
         static_cast<double>(flags.size());
}

}  // namespace

NeighborhoodCounts count_neighborhoods(const Features& reals, const Features& fakes,
                                       const Balls& balls, RowRange fake_range) {
  check_features(reals, "real samples");
  check_features(fakes, "generated samples");
  const auto real_count = static_cast<size_t>(reals.rows());
  ALLMODES_CHECK(balls.real_precision.size() == real_count &&
                     balls.real_coverage.size() == real_count &&
                     balls.fake_precision.size() == static_cast<size_t>(fakes.rows()),
                 "balls of {}, {} and {} for {} reals and {} fakes", balls.real_precision.size(),
                 balls.real_coverage.size(), balls.fake_precision.size(), real_count, fakes.rows());
  NeighborhoodSearch search(reals, fakes, balls, fake_range);
  for_each_distance_block(fakes, fake_range, reals,
                          [&](const DistanceBlock& block) { search.visit(block); });
  return search.take();
}

double expected_coverage(int64_t reals, int64_t fakes, int64_t k) {
  ALLMODES_CHECK(1 <= k && k < reals && fakes >= 1, "k {}, {} reals, {} fakes", k, reals, fakes);
  double missed = 1;
  for (int64_t i = 1; i <= k; ++i)
    missed *= static_cast<double>(reals - i) / static_cast<double>(reals + fakes - i);
  return 1 - missed;
}

NeighborhoodScores neighborhood_scores(const NeighborhoodCounts& counts,
                                       const Neighborhood& neighborhood) {
  ALLMODES_CHECK(counts.fakes > 0 && !counts.covered.empty(), "{} fakes and {} reals", counts.fakes,
                 counts.covered.size());
  const auto fakes = static_cast<double>(counts.fakes);
  return {.precision = static_cast<double>(counts.precise) / fakes,
          .recall = share_of(counts.recalled),
          .density = static_cast<double>(counts.inside) /
                     (static_cast<double>(neighborhood.coverage_k) * fakes),
          .coverage = share_of(counts.covered)};
}

NeighborhoodScores neighborhood_scores(const Features& reals, const Features& fakes,
                                       const Neighborhood& neighborhood) {
  const Neighbors of_reals = nearest_neighbors(reals, neighborhood.largest(), all_rows(reals));
  const Neighbors of_fakes = nearest_neighbors(fakes, neighborhood.precision_k, all_rows(fakes));
  const Balls balls{.real_precision = of_reals.radii(neighborhood.precision_k),
                    .real_coverage = of_reals.radii(neighborhood.coverage_k),
                    .fake_precision = of_fakes.radii(neighborhood.precision_k)};
  return neighborhood_scores(count_neighborhoods(reals, fakes, balls, all_rows(fakes)),
                             neighborhood);
}

}  // namespace allmodes::diagnostics
