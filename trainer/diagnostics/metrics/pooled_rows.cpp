#include "diagnostics/metrics/pooled_rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "base/random.h"
#include "diagnostics/metrics/gathered_list.h"
#include "diagnostics/metrics/nearest_neighbors.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

// Neighbours of each pooled row that are listed, at least, where both sets have equal numbers: five
// of the same set are among 32 but for one row in 100,000.
constexpr int64_t kFewestListed = 32;

// Fills row_of and is_real; returns the rows' numbers, [n + m][width].
std::vector<float> shuffle_rows(const Features& reals, const Features& fakes, uint64_t seed,
                                PooledRows& pool) {
  const int64_t rows = reals.rows() + fakes.rows();
  Random random({seed, Purpose("pooled rows")});
  std::vector<float> numbers;
  numbers.reserve(reals.values.size() + fakes.values.size());
  for (const int64_t each : random_order(rows, rows, random)) {
    const bool real = each < reals.rows();
    const int64_t row = real ? each : each - reals.rows();
    const auto values = (real ? reals : fakes).row(row);
    numbers.insert(numbers.end(), values.begin(), values.end());
    pool.row_of.push_back(row);
    pool.is_real.push_back(real ? 1 : 0);
  }
  return numbers;
}

// A row with more copies than are listed has the first of the pool in its list, as all of its
// copies have. Gives it those that come next after it, and after the last the first, as rows at any
// other distance are listed: a walk from one of many copies would end at the same few.
void spread_over_copies(std::vector<int64_t>& lists, const std::vector<double>& squares,
                        int64_t listed) {
  std::map<int64_t, std::vector<int64_t>> copies;  // by the first of them
  const auto rows = std::ssize(lists) / listed;
  for (int64_t row = 0; row < rows; ++row) {
    if (squares[static_cast<size_t>((row + 1) * listed - 1)] > 0) continue;
    const std::span list(lists.begin() + row * listed, static_cast<size_t>(listed));
    copies[std::min(row, std::ranges::min(list))].push_back(row);
  }
  for (const auto& [first, all] : copies)
    for (size_t i = 0; i < all.size(); ++i)
      for (int64_t next = 0; next < listed; ++next)
        lists[static_cast<size_t>(all[i] * listed + next)] =
            all[(i + 1 + static_cast<size_t>(next)) % all.size()];
}

}  // namespace

PooledRows pool_rows(world::Communicator& control, const Features& reals, const Features& fakes,
                     int64_t fewest_listed, uint64_t seed) {
  PooledRows pool;
  const std::vector<float> numbers = shuffle_rows(reals, fakes, seed, pool);
  const Features rows{numbers, reals.width};
  pool.listed =
      std::min(of_unequal(std::max(kFewestListed, fewest_listed), reals.rows(), fakes.rows()),
               rows.rows() - 1);
  const RowRange mine = rows_of_rank(rows.rows(), control.rank(), control.size());
  const Neighbors part = nearest_neighbors(rows, pool.listed, mine);
  const int64_t first = mine.first * pool.listed;
  pool.lists = gathered_list(control, part.rows, first, rows.rows() * pool.listed);
  pool.squares = gathered_list(control, part.squared, first, rows.rows() * pool.listed);
  spread_over_copies(pool.lists, pool.squares, pool.listed);
  return pool;
}

DrawnCuts drawn_cuts(const world::Communicator& control, const std::vector<uint8_t>& is_real,
                     int64_t draws, uint64_t seed) {
  DrawnCuts cuts{.draws = draws, .own = {}};
  for (int64_t draw = control.rank(); draw < draws; draw += control.size()) {
    Random random({seed, Purpose("pooled cuts"), static_cast<uint64_t>(draw)});
    cuts.own.push_back(is_real);
    shuffle_front(cuts.own.back(), is_real.size(), random);
  }
  return cuts;
}

int64_t of_unequal(int64_t of_equal, int64_t reals, int64_t fakes) {
  const double times =
      static_cast<double>(reals + fakes) / (2.0 * static_cast<double>(std::min(reals, fakes)));
  return static_cast<int64_t>(std::ceil(static_cast<double>(of_equal) * times));
}

}  // namespace allmodes::diagnostics
