#include "diagnostics/metrics/local_cut.h"

#include <algorithm>
#include <cmath>

#include "diagnostics/metrics/side_by_side.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kLocal = 30;    // nearest rows that are looked at, of equal numbers
constexpr double kEmptied = 0.3;  // of their part of the nearest rows

// What a number of reals among the nearest rows says.
struct Surroundings {
  double fourth_power;  // of how far fakes fall short, in standard deviations
  uint8_t emptied;
  uint8_t crowded;
};

class LocalTally {
 public:
  void add(const Surroundings& around, uint8_t is_real) {
    fourth_powers_ += around.fourth_power;
    emptied_.at(is_real) += around.emptied;
    crowded_.at(is_real) += around.crowded;
  }

  LocalFigures figures(double reals, double fakes) const {
    const auto share = [&](const std::array<int64_t, 2>& rows, size_t of) {
      return static_cast<double>(rows.at(of)) / (of != 0 ? reals : fakes);
    };
    return {share(emptied_, 1) - share(emptied_, 0), share(crowded_, 0) - share(crowded_, 1),
            std::sqrt(fourth_powers_)};
  }

 private:
  double fourth_powers_ = 0;
  std::array<int64_t, 2> emptied_ = {};  // of fakes, of reals
  std::array<int64_t, 2> crowded_ = {};
};

class LocalLists {
 public:
  LocalLists(const PooledRows& pool, int64_t real_rows)
      : pool_(pool),
        reals_(static_cast<double>(real_rows)),
        fakes_(static_cast<double>(std::ssize(pool.is_real) - real_rows)),
        local_(std::min(pool.listed,
                        of_unequal(kLocal, real_rows, std::ssize(pool.is_real) - real_rows))) {
    const auto rows = static_cast<double>(local_);
    const double expected = rows * fakes_ / (reals_ + fakes_);
    // Of how many of the nearest rows are fakes.
    const double variance = rows * (reals_ / (reals_ + fakes_)) * (fakes_ / (reals_ + fakes_));
    for (int64_t near_reals = 0; near_reals <= local_; ++near_reals) {
      const double of_reals = static_cast<double>(near_reals) / reals_;
      const double of_fakes = static_cast<double>(local_ - near_reals) / fakes_;
      const double lacking = expected - static_cast<double>(local_ - near_reals);
      around_.push_back({lacking > 0 ? std::pow(lacking * lacking / variance, 2) : 0,
                         static_cast<uint8_t>(of_fakes < kEmptied * of_reals ? 1 : 0),
                         static_cast<uint8_t>(of_reals < kEmptied * of_fakes ? 1 : 0)});
    }
  }

  // visit(row, lane, surroundings) for each row of each of at most `kCuts` cuts.
  template <size_t kCuts, class Visit>
  void for_each(std::span<const std::vector<uint8_t>> cuts, const Visit& visit) const {
    const auto marks = side_by_side<uint8_t>(cuts, kCuts);
    for (size_t row = 0; row < pool_.is_real.size(); ++row) {
      std::array<uint16_t, kCuts> near_reals = {};
      const auto nearest = pool_.lists.begin() + static_cast<std::ptrdiff_t>(row) * pool_.listed;
      for (int64_t i = 0; i < local_; ++i) {
        const uint8_t* of_other = marks.data() + static_cast<size_t>(nearest[i]) * kCuts;
        for (size_t lane = 0; lane < kCuts; ++lane)
          near_reals[lane] = static_cast<uint16_t>(near_reals[lane] + of_other[lane]);
      }
      for (size_t lane = 0; lane < cuts.size(); ++lane)
        visit(row, lane, around_[near_reals.at(lane)]);
    }
  }

  LocalFigures figures(const LocalTally& tally) const { return tally.figures(reals_, fakes_); }

 private:
  const PooledRows& pool_;
  double reals_, fakes_;
  int64_t local_;
  std::vector<Surroundings> around_;  // [local_ + 1], by how many of the nearest rows are reals
};

}  // namespace

LocalCut::LocalCut(const PooledRows& pool, const std::vector<uint8_t>& is_real)
    : emptied(is_real.size()), crowded(is_real.size()) {
  const LocalLists lists(pool, std::ranges::count(is_real, 1));
  LocalTally tally;
  lists.for_each<1>({&is_real, 1}, [&](size_t row, size_t, const Surroundings& around) {
    tally.add(around, is_real[row]);
    emptied[row] = around.emptied;
    crowded[row] = around.crowded;
  });
  figures = lists.figures(tally);
}

std::vector<LocalFigures> local_figures(const PooledRows& pool,
                                        std::span<const std::vector<uint8_t>> cuts) {
  const LocalLists lists(pool, std::ranges::count(pool.is_real, 1));
  std::vector<LocalFigures> found;
  for (size_t first = 0; first < cuts.size(); first += kLanes) {
    const auto of_lanes = next_lanes(cuts, first);
    std::array<LocalTally, kLanes> tallies = {};
    lists.for_each<kLanes>(of_lanes, [&](size_t row, size_t lane, const Surroundings& around) {
      tallies.at(lane).add(around, of_lanes[lane][row]);
    });
    for (size_t lane = 0; lane < of_lanes.size(); ++lane)
      found.push_back(lists.figures(tallies.at(lane)));
  }
  return found;
}

}  // namespace allmodes::diagnostics
