#pragma once

// The rows of two sets in one pool, with the nearest other rows of each: what all cuts of the pool
// into reals and fakes are read off.

#include <cstdint>
#include <vector>

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

// Which rows of the pool are reals in one of its cuts, [n + m]; a function of (seed, draw).
std::vector<uint8_t> marks_of_cut(const PooledRows& pool, uint64_t seed, int64_t draw);

// So many neighbours of unequal sets hold as many of the smaller one as `of_equal` do of equal
// ones.
int64_t of_unequal(int64_t of_equal, int64_t reals, int64_t fakes);

}  // namespace allmodes::diagnostics
