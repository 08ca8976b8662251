#pragma once

// The rows of two sets in one pool, with the nearest other rows of each: what all cuts of the pool
// into reals and fakes are read off.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/feature_rows.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// In a random order, in which rows at equal distances come in no order of sets.
struct PooledRows {
  std::vector<int64_t> row_of;   // [n + m], the row in its own set
  std::vector<uint8_t> is_real;  // [n + m]
  int64_t listed = 0;
  std::vector<int64_t> lists;   // [n + m][listed], nearest first
  std::vector<double> squares;  // [n + m][listed], squared distances
};

// Collective, a function of the seed. Of equal numbers `fewest_listed` neighbours are listed, or 32
// where those are more. Two rows or more, as check_features() wants them.
PooledRows pool_rows(world::Communicator& control, const Features& reals, const Features& fakes,
                     int64_t fewest_listed, uint64_t seed);

// Cuts of the pool into as many reals and fakes as there are, drawn anew.
struct DrawnCuts {
  int64_t draws = 0;  // on all ranks
  // Of each draw of this rank, which rows of the pool are reals, [n + m]: of rank, rank + size, ...
  std::vector<std::vector<uint8_t>> own;
};

// Each cut is a function of (seed, draw).
DrawnCuts drawn_cuts(const world::Communicator& control, const std::vector<uint8_t>& is_real,
                     int64_t draws, uint64_t seed);

// Collective. N figures of each of this rank's cuts, those of all draws in their order.
template <size_t N>
std::vector<std::array<double, N>> of_all_draws(world::Communicator& control, const DrawnCuts& cuts,
                                                const std::vector<std::array<double, N>>& own) {
  std::vector<double> packed(static_cast<size_t>(cuts.draws) * N, 0.0);
  int64_t draw = control.rank();
  for (const auto& figures : own) {
    std::ranges::copy(figures, packed.begin() + draw * static_cast<int64_t>(N));
    draw += control.size();
  }
  sum_over_ranks(control, packed);
  std::vector<std::array<double, N>> all(static_cast<size_t>(cuts.draws));
  for (size_t i = 0; i < packed.size(); ++i) all[i / N].at(i % N) = packed[i];
  return all;
}

// So many neighbours of unequal sets hold as many of the smaller one as `of_equal` do of equal
// ones.
int64_t of_unequal(int64_t of_equal, int64_t reals, int64_t fakes);

}  // namespace allmodes::diagnostics
