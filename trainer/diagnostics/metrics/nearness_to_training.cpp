#include "diagnostics/metrics/nearness_to_training.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "diagnostics/metrics/gathered_list.h"
#include "diagnostics/metrics/precision_recall.h"

namespace allmodes::diagnostics {
namespace {

// Shares of the held-out rows that are below the limit: none of them, one and ten in a hundred.
constexpr double kLimits[] = {0.0, 0.01, 0.1};
// And at most half of the usual ratio, squared: how the ratio varies depends a little on the place.
constexpr double kNearerThanUsual = 0.25;

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

}  // namespace

TrainingCopies nearness_to_training(world::Communicator& control, const Features& training,
                                    const Features& held_out, const Features& samples) {
  ALLMODES_CHECK(training.rows() > 0 && held_out.rows() > 1 && samples.rows() > 0,
                 "{} training rows, {} held-out, {} samples", training.rows(), held_out.rows(),
                 samples.rows());
  auto of_held_out = ratios_of(squares_to_nearest(control, training, held_out),
                               nearest_other_squares(control, held_out));
  const auto of_samples = ratios_of(squares_to_nearest(control, training, samples),
                                    squares_to_nearest(control, held_out, samples));
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
  return figures;
}

}  // namespace allmodes::diagnostics
