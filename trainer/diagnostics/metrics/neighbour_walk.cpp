#include "diagnostics/metrics/neighbour_walk.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diagnostics/metrics/side_by_side.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kShorted = 0.6;        // of its part
constexpr double kHardlyReached = 0.3;  // the same: nearly all that is there is lost

// What walks' ends are held against.
struct WalkScale {
  int32_t middle;                       // the expectation, in 1 / kWalkUnit
  double reals_to_fakes;                // how many reals there are for a fake
  double count;                         // of cuts in `squares`
  const std::vector<int64_t>& squares;  // [rows], sums of squared distances from `middle`
};

void add_squares(const std::vector<int32_t>& ends, int32_t middle, std::vector<int64_t>& squares) {
  for (size_t row = 0; row < ends.size(); ++row) {
    const int64_t offset = ends[row] - middle;
    squares[row] += offset * offset;
  }
}

// Whether fakes, relative to their number, are fewer beside reals than such a part.
bool is_short(int32_t at_reals, const WalkScale& scale, double part) {
  return (kWalkUnit - at_reals) * scale.reals_to_fakes < part * at_reals;
}
bool is_surplus(int32_t at_reals, double reals_to_fakes) {
  return at_reals < kShorted * (kWalkUnit - at_reals) * reals_to_fakes;
}

// Fakes that lack a share of the reals are as many more everywhere else.
double reals_to_fakes_elsewhere(const WalkScale& scale, double shortage) {
  return scale.reals_to_fakes * (1 - std::max(0.0, shortage));
}

WalkFigures figures_of(const std::vector<int32_t>& ends, const std::vector<uint8_t>& is_real,
                       const WalkScale& scale) {
  std::array<double, 2> in_set = {}, short_in_set = {}, surplus_in_set = {};
  for (size_t row = 0; row < ends.size(); ++row) {
    in_set.at(is_real[row]) += 1;
    short_in_set.at(is_real[row]) += is_short(ends[row], scale, kShorted) ? 1 : 0;
  }
  const double shortage = short_in_set[1] / in_set[1] - short_in_set[0] / in_set[0];
  const double elsewhere = reals_to_fakes_elsewhere(scale, shortage);
  const double middle_elsewhere = kWalkUnit * elsewhere / (1 + elsewhere);
  double above = 0, below = 0;
  for (size_t row = 0; row < ends.size(); ++row) {
    surplus_in_set.at(is_real[row]) += is_surplus(ends[row], elsewhere) ? 1 : 0;
    if (scale.squares[row] == 0) continue;  // no cut moves it
    const double per_square = scale.count / static_cast<double>(scale.squares[row]);
    const auto fourth_power = [&](double offset) {
      return offset > 0 ? std::pow(offset * offset * per_square, 2) : 0;
    };
    above += fourth_power(ends[row] - scale.middle);
    below += fourth_power(middle_elsewhere - ends[row]);
  }
  return {shortage, surplus_in_set[0] / in_set[0] - surplus_in_set[1] / in_set[1], std::sqrt(above),
          std::sqrt(below)};
}

}  // namespace

NeighbourWalk::NeighbourWalk(std::span<const int64_t> lists, int64_t listed, int64_t joined) {
  const int64_t rows = std::ssize(lists) / listed;
  ALLMODES_CHECK(joined >= 1 && joined <= listed && rows * listed == std::ssize(lists),
                 "{} of {} neighbours joined, {} in all", joined, listed, lists.size());
  // Of each row those that it has among its nearest, and those that have it there but not the
  // reverse; then, row after row, the row to each of these, so that they come in ascending order.
  const auto near = [&](int64_t row) {
    return lists.subspan(static_cast<size_t>(row * listed), static_cast<size_t>(joined));
  };
  std::vector<std::vector<int32_t>> reached(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row)
    for (const int64_t other : near(row)) {
      reached[static_cast<size_t>(row)].push_back(static_cast<int32_t>(other));
      if (std::ranges::find(near(other), row) == near(other).end())
        reached[static_cast<size_t>(other)].push_back(static_cast<int32_t>(row));
    }
  starts_.push_back(0);
  for (const auto& others : reached) starts_.push_back(starts_.back() + std::ssize(others));
  neighbours_.resize(static_cast<size_t>(starts_.back()));
  std::vector<int64_t> next(starts_.begin(), starts_.end() - 1);
  for (int64_t row = 0; row < rows; ++row)
    for (const int32_t other : reached[static_cast<size_t>(row)])
      neighbours_[static_cast<size_t>(next[static_cast<size_t>(other)]++)] =
          static_cast<int32_t>(row);
  // Back in three steps: around each triangle, in either direction.
  std::vector<float> share(static_cast<size_t>(rows));
  for (size_t row = 0; row < share.size(); ++row)
    share[row] = 1.0F / static_cast<float>(starts_[row + 1] - starts_[row]);
  std::vector<uint8_t> beside(static_cast<size_t>(rows), 0);
  const auto neighbours_of = [&](size_t row) {
    return std::span(neighbours_)
        .subspan(static_cast<size_t>(starts_[row]),
                 static_cast<size_t>(starts_[row + 1] - starts_[row]));
  };
  for (size_t row = 0; row < share.size(); ++row) {
    for (const int32_t other : neighbours_of(row)) beside[static_cast<size_t>(other)] = 1;
    float back = 0;
    for (const int32_t other : neighbours_of(row)) {
      float through = 0;
      for (const int32_t third : neighbours_of(static_cast<size_t>(other)))
        if (beside[static_cast<size_t>(third)] != 0) through += share[static_cast<size_t>(third)];
      back += share[static_cast<size_t>(other)] * through;
    }
    back_at_start_.push_back(share[row] * back);
    for (const int32_t other : neighbours_of(row)) beside[static_cast<size_t>(other)] = 0;
  }
}

std::vector<float> NeighbourWalk::step(const std::vector<float>& values) const {
  std::vector<float> means(values.size());
  for (size_t row = 0; row < back_at_start_.size(); ++row) {
    std::array<float, kLanes> sums = {};
    for (int64_t i = starts_[row]; i < starts_[row + 1]; ++i) {
      const auto other = static_cast<size_t>(neighbours_[static_cast<size_t>(i)]);
      const float* of_other = values.data() + other * kLanes;
      for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += of_other[lane];
    }
    const auto degree = static_cast<float>(starts_[row + 1] - starts_[row]);
    for (size_t lane = 0; lane < kLanes; ++lane) means[row * kLanes + lane] = sums[lane] / degree;
  }
  return means;
}

std::vector<std::vector<int32_t>> NeighbourWalk::ends_marked(
    std::span<const std::vector<uint8_t>> cuts) const {
  std::vector<std::vector<int32_t>> found;
  for (size_t first = 0; first < cuts.size(); first += kLanes) {
    const auto of_lanes = next_lanes(cuts, first);
    const auto marks = side_by_side<float>(of_lanes, kLanes);
    ALLMODES_CHECK(marks.size() == back_at_start_.size() * kLanes, "{} marks of {} rows",
                   of_lanes.front().size(), rows());
    const auto ends = step(step(step(marks)));
    for (size_t lane = 0; lane < of_lanes.size(); ++lane) {
      auto& of_cut = found.emplace_back(back_at_start_.size());
      for (size_t row = 0; row < of_cut.size(); ++row) {
        const size_t at = row * kLanes + lane;
        const float others =
            (ends[at] - back_at_start_[row] * marks[at]) / (1 - back_at_start_[row]);
        of_cut[row] = static_cast<int32_t>(
            std::lround(std::clamp(others, 0.0F, 1.0F) * static_cast<float>(kWalkUnit)));
      }
    }
  }
  return found;
}

WalkedCuts compare_walks(world::Communicator& control, const NeighbourWalk& walk,
                         const std::vector<uint8_t>& is_real, const DrawnCuts& cuts) {
  const double reals = static_cast<double>(std::ranges::count(is_real, 1));
  const auto rows = static_cast<double>(is_real.size());
  const auto middle = static_cast<int32_t>(std::lround(kWalkUnit * reals / rows));
  const auto actual = walk.ends_marked({&is_real, 1}).front();
  const auto ends_of_cuts = walk.ends_marked(cuts.own);
  std::vector<int64_t> squares(is_real.size(), 0);
  if (control.rank() == 0) add_squares(actual, middle, squares);
  for (const auto& of_cut : ends_of_cuts) add_squares(of_cut, middle, squares);
  sum_over_ranks(control, squares);
  const WalkScale scale{middle, reals / (rows - reals), static_cast<double>(cuts.draws + 1),
                        squares};
  WalkedCuts found{.actual = figures_of(actual, is_real, scale)};
  for (size_t row = 0; row < is_real.size(); ++row)
    found.shorted.push_back(static_cast<uint8_t>(is_short(actual[row], scale, kShorted) +
                                                 is_short(actual[row], scale, kHardlyReached)));
  const double elsewhere = reals_to_fakes_elsewhere(scale, found.actual.front());
  for (const int32_t ends : actual) found.crowded.push_back(is_surplus(ends, elsewhere) ? 1 : 0);
  std::vector<WalkFigures> own;
  for (size_t i = 0; i < ends_of_cuts.size(); ++i)
    own.push_back(figures_of(ends_of_cuts[i], cuts.own[i], scale));
  found.draws = of_all_draws(control, cuts, own);
  return found;
}

}  // namespace allmodes::diagnostics
