#include "diagnostics/metrics/nearness_to_training.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"
#include "diagnostics/metrics/gathered_list.h"
#include "diagnostics/metrics/precision_recall.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/rank_sum.h"

namespace allmodes::diagnostics {
namespace {

// Shares of the held-out rows that are below the limit: none of them, one and ten in a hundred.
constexpr double kLimits[] = {0.0, 0.01, 0.1};
// And at most half of the usual ratio, squared: how the ratio varies depends a little on the place.
constexpr double kNearerThanUsual = 0.25;
constexpr int64_t kMostCrowded = 5000;  // training rows, or as many as are held out
constexpr int64_t kCrowdNeighbours[] = {1, 2, 4, 8, 16};
constexpr double kTwoSided99 = 2.576;

// Of each of the rows, to the nearest row of `set`; all on every rank.
std::vector<double> squares_to_nearest(world::Communicator& control, const Features& set,
                                       const Features& rows) {
  const RowRange mine = rows_of_rank(rows.rows(), control.rank(), control.size());
  const auto count = static_cast<size_t>(set.rows());
  // Balls of no size: only the nearest row is asked for.
  const Balls none{.real_precision = std::vector<double>(count, 0),
                   .real_coverage = std::vector<double>(count, 0),
                   .fake_precision = std::vector<double>(static_cast<size_t>(rows.rows()), 0)};
  const auto part = count_neighborhoods(set, rows, none, mine).nearest_square;
  return gathered_list(control, part, mine.first, rows.rows());
}

std::vector<double> nearest_other_squares(world::Communicator& control, const Features& rows) {
  const RowRange mine = rows_of_rank(rows.rows(), control.rank(), control.size());
  return gathered_list(control, nearest_neighbors(rows, 1, mine).radii(1), mine.first, rows.rows());
}

std::vector<double> ratios_of(const std::vector<double>& to_training,
                              const std::vector<double>& to_held_out) {
  std::vector<double> ratios;
  for (size_t i = 0; i < to_training.size(); ++i) {
    const double near = to_training[i];
    const double other = to_held_out[i];
    const double far = near > 0 ? std::numeric_limits<double>::infinity() : 1.0;
    ratios.push_back(other > 0 ? near / other : far);
  }
  return ratios;
}

// Rows of both sets, training first; of large training sets the first ones.
std::vector<float> pooled_rows(const Features& training, const Features& held_out) {
  const int64_t most = std::min(training.rows(), std::max(kMostCrowded, held_out.rows()));
  std::vector<float> rows(training.values.begin(), training.values.begin() + most * training.width);
  rows.insert(rows.end(), held_out.values.begin(), held_out.values.end());
  return rows;
}

// Samples within the squared distance to the k-th neighbour, of each of kCrowdNeighbours: a list of
// [rows of the pool] each.
std::vector<std::vector<double>> samples_around(world::Communicator& control, const Features& pool,
                                                const Features& samples) {
  const RowRange mine = rows_of_rank(pool.rows(), control.rank(), control.size());
  const int64_t most = std::min(kCrowdNeighbours[std::size(kCrowdNeighbours) - 1], pool.rows() - 1);
  const Neighbors near = nearest_neighbors(pool, most, mine);
  std::vector<std::vector<double>> parts;
  std::vector<std::vector<double>> radii;
  for (const int64_t k : kCrowdNeighbours) {
    if (k > most) break;
    radii.push_back(near.radii(k));
    parts.emplace_back(static_cast<size_t>(mine.count()), 0.0);
  }
  for_each_distance_block(pool, mine, samples, [&](const DistanceBlock& block) {
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      const auto at = static_cast<size_t>(row - mine.first);
      const float* values = block.row(row);
      const double error = block.error_of(row);
      for (int64_t i = 0; i < block.columns.count(); ++i) {
        auto square = static_cast<double>(values[i]);
        if (square > radii.back()[at] + error) continue;
        square = squared_distance(pool.row(row), samples.row(block.columns.first + i));
        for (size_t k = 0; k < radii.size(); ++k) parts[k][at] += square <= radii[k][at] ? 1 : 0;
      }
    }
  });
  std::vector<std::vector<double>> counts;
  for (const auto& part : parts)
    counts.push_back(gathered_list(control, part, mine.first, pool.rows()));
  return counts;
}

// The square of the standard error of the mean.
double square_error(const Moments& moments) {
  return variance(moments) / std::max(1.0, static_cast<double>(moments.count) - 1);
}

TrainingCopies::Crowding crowding_of(world::Communicator& control, const Features& training,
                                     const Features& held_out, const Features& samples) {
  const std::vector<float> rows = pooled_rows(training, held_out);
  const Features pool{rows, training.width};
  const auto first_held_out = static_cast<std::ptrdiff_t>(pool.rows() - held_out.rows());
  const auto counts = samples_around(control, pool, samples);
  TrainingCopies::Crowding best;
  for (const auto& count : counts) {
    const std::vector<double> of_training(count.begin(), count.begin() + first_held_out);
    const std::vector<double> of_held_out(count.begin() + first_held_out, count.end());
    const double tail = std::min(0.0, rank_sum_log10(of_held_out, of_training) +
                                          std::log10(static_cast<double>(counts.size())));
    if (tail >= best.log10_tail) continue;
    Moments trained, others;
    for (const double value : of_training) add(trained, value);
    for (const double value : of_held_out) add(others, value);
    // Of all training rows, each with so many samples more than chance brings there.
    const double scale = static_cast<double>(training.rows()) / static_cast<double>(samples.rows());
    const double share = scale * (mean(trained) - mean(others));
    const double error =
        kTwoSided99 * scale * std::sqrt(square_error(trained) + square_error(others));
    best = {.share = std::clamp(share, 0.0, 1.0),
            .low = std::clamp(share - error, 0.0, 1.0),
            .high = std::clamp(share + error, 0.0, 1.0),
            .of_training = mean(trained),
            .of_held_out = mean(others),
            .log10_tail = tail};
  }
  return best;
}

}  // namespace

TrainingCopies nearness_to_training(world::Communicator& control, const Features& training,
                                    const Features& held_out, const Features& samples,
                                    const std::vector<uint8_t>& counted) {
  ALLMODES_CHECK(training.rows() > 0 && held_out.rows() > 1 && samples.rows() > 0,
                 "{} training rows, {} held-out, {} samples", training.rows(), held_out.rows(),
                 samples.rows());
  auto of_held_out = ratios_of(squares_to_nearest(control, training, held_out),
                               nearest_other_squares(control, held_out));
  auto of_samples = ratios_of(squares_to_nearest(control, training, samples),
                              squares_to_nearest(control, held_out, samples));
  for (size_t i = 0; i < counted.size(); ++i)
    if (counted[i] == 0) of_samples.at(i) = std::numeric_limits<double>::infinity();
  std::ranges::sort(of_held_out);
  TrainingCopies figures{
      .samples = samples.rows(), .held_out = held_out.rows(), .training = training.rows()};
  for (const double share : kLimits) {
    const auto below = static_cast<size_t>(share * static_cast<double>(of_held_out.size()));
    const double limit = std::min(of_held_out[std::min(below, of_held_out.size() - 1)],
                                  kNearerThanUsual * of_held_out[of_held_out.size() / 2]);
    const auto near = [&](double ratio) { return ratio < limit; };
    figures.near.push_back({.samples = std::ranges::count_if(of_samples, near),
                            .held_out = std::ranges::count_if(of_held_out, near)});
  }
  figures.crowding = crowding_of(control, training, held_out, samples);
  return figures;
}

}  // namespace allmodes::diagnostics
