#include "diagnostics/metrics/neighbour_walk.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
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

WalkFigures figures_of(const std::vector<int32_t>& ends, const std::vector<uint8_t>& is_real,
                       const WalkScale& scale) {
  std::array<double, 2> in_set = {}, short_in_set = {}, surplus_in_set = {};
  for (size_t row = 0; row < ends.size(); ++row) {
    in_set.at(is_real[row]) += 1;
    short_in_set.at(is_real[row]) += is_short(ends[row], scale, kShorted) ? 1 : 0;
  }
  const double shortage = short_in_set[1] / in_set[1] - short_in_set[0] / in_set[0];
  // Fakes that lack this are as many more everywhere else.
  const double elsewhere = scale.reals_to_fakes * (1 - std::max(0.0, shortage));
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
  std::vector<std::vector<int32_t>> joined_to(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < joined; ++i) {
      const int64_t other = lists[static_cast<size_t>(row * listed + i)];
      joined_to[static_cast<size_t>(row)].push_back(static_cast<int32_t>(other));
      joined_to[static_cast<size_t>(other)].push_back(static_cast<int32_t>(row));
    }
  starts_.push_back(0);
  for (auto& others : joined_to) {
    std::ranges::sort(others);
    const auto twice = std::ranges::unique(others);
    neighbours_.insert(neighbours_.end(), others.begin(), twice.begin());
    starts_.push_back(std::ssize(neighbours_));
    others = {};
  }
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
  for (size_t row = 0; row < values.size(); ++row) {
    float sum = 0;
    for (int64_t i = starts_[row]; i < starts_[row + 1]; ++i)
      sum += values[static_cast<size_t>(neighbours_[static_cast<size_t>(i)])];
    means[row] = sum / static_cast<float>(starts_[row + 1] - starts_[row]);
  }
  return means;
}

std::vector<int32_t> NeighbourWalk::ends_marked(const std::vector<uint8_t>& marked) const {
  ALLMODES_CHECK(std::ssize(marked) == rows(), "{} marks of {} rows", marked.size(), rows());
  const auto ends = step(step(step(std::vector<float>(marked.begin(), marked.end()))));
  std::vector<int32_t> found;
  for (size_t row = 0; row < ends.size(); ++row) {
    const float others = (ends[row] - back_at_start_[row] * static_cast<float>(marked[row])) /
                         (1 - back_at_start_[row]);
    found.push_back(static_cast<int32_t>(
        std::lround(std::clamp(others, 0.0F, 1.0F) * static_cast<float>(kWalkUnit))));
  }
  return found;
}

WalkedCuts compare_walks(world::Communicator& control, const NeighbourWalk& walk,
                         const std::vector<uint8_t>& is_real, int64_t draws,
                         const std::function<std::vector<uint8_t>(int64_t)>& marks_of_cut) {
  const double reals = static_cast<double>(std::ranges::count(is_real, 1));
  const auto rows = static_cast<double>(is_real.size());
  const auto middle = static_cast<int32_t>(std::lround(kWalkUnit * reals / rows));
  const auto actual = walk.ends_marked(is_real);
  std::vector<int64_t> squares(is_real.size(), 0);
  if (control.rank() == 0) add_squares(actual, middle, squares);
  struct WalkedCut {
    std::vector<uint8_t> is_real;
    std::vector<int32_t> ends;
  };
  std::vector<WalkedCut> cuts;  // of this rank
  for (int64_t draw = control.rank(); draw < draws; draw += control.size()) {
    auto marks = marks_of_cut(draw);
    auto ends = walk.ends_marked(marks);
    add_squares(ends, middle, squares);
    cuts.push_back({std::move(marks), std::move(ends)});
  }
  sum_over_ranks(control, squares);
  const WalkScale scale{middle, reals / (rows - reals), static_cast<double>(draws + 1), squares};
  WalkedCuts found{.actual = figures_of(actual, is_real, scale)};
  for (size_t row = 0; row < is_real.size(); ++row)
    found.shorted.push_back(static_cast<uint8_t>(is_short(actual[row], scale, kShorted) +
                                                 is_short(actual[row], scale, kHardlyReached)));
  std::vector<double> packed(static_cast<size_t>(draws) * found.actual.size(), 0.0);
  auto own = cuts.begin();
  for (int64_t draw = control.rank(); draw < draws; draw += control.size(), ++own)
    std::ranges::copy(figures_of(own->ends, own->is_real, scale),
                      packed.begin() + draw * std::ssize(found.actual));
  sum_over_ranks(control, packed);
  found.draws.resize(static_cast<size_t>(draws));
  for (size_t i = 0; i < packed.size(); ++i)
    found.draws[i / found.actual.size()][i % found.actual.size()] = packed[i];
  return found;
}

}  // namespace allmodes::diagnostics
