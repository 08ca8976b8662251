#include "diagnostics/metrics/pooled_null.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/random.h"
#include "diagnostics/metrics/gathered_list.h"
#include "diagnostics/metrics/neighbour_walk.h"
#include "diagnostics/metrics/pooled_cut.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

// Neighbours of each pooled row that are listed, at least, where both sets have equal numbers: five
// of the same set are among 32 but for one row in 100,000.
constexpr int64_t kFewestListed = 32;
constexpr int64_t kJoined = 10;  // neighbours of a row that a walk goes to, of equal numbers
static_assert(kCutFigures + std::tuple_size_v<WalkFigures> == kPooledFigures.size());

// Pooled rows in a random order, in which rows at equal distances come in no order of sets.
struct Pool {
  std::vector<float> values;     // [n + m][width]
  std::vector<int64_t> row_of;   // [n + m], the row in its own set
  std::vector<uint8_t> is_real;  // [n + m]
};

Pool shuffled(const Features& reals, const Features& fakes, uint64_t seed) {
  const int64_t rows = reals.rows() + fakes.rows();
  Random random({seed, Purpose("pooled rows")});
  Pool pool;
  pool.values.reserve(reals.values.size() + fakes.values.size());
  for (const int64_t each : random_order(rows, rows, random)) {
    const bool real = each < reals.rows();
    const int64_t row = real ? each : each - reals.rows();
    const auto values = (real ? reals : fakes).row(row);
    pool.values.insert(pool.values.end(), values.begin(), values.end());
    pool.row_of.push_back(row);
    pool.is_real.push_back(real ? 1 : 0);
  }
  return pool;
}

std::array<double, kPooledFigures.size()> all_figures(const std::array<double, kCutFigures>& of_cut,
                                                      const WalkFigures& of_walks) {
  std::array<double, kPooledFigures.size()> figures = {};
  std::ranges::copy(of_cut, figures.begin());
  std::ranges::copy(of_walks, figures.begin() + kCutFigures);
  return figures;
}

// Which rows of the pool are reals in one of its cuts.
std::vector<uint8_t> marks_of_cut(const Pool& pool, uint64_t seed, int64_t draw) {
  std::vector<uint8_t> is_real = pool.is_real;
  Random random({seed, Purpose("pooled cuts"), static_cast<uint64_t>(draw)});
  shuffle_front(is_real, is_real.size(), random);
  return is_real;
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

WalkedCuts walked_cuts(world::Communicator& control, const std::vector<int64_t>& lists,
                       int64_t listed, const Pool& pool, int64_t draws, uint64_t seed) {
  const auto reals = std::ranges::count(pool.is_real, 1);
  const int64_t joined =
      std::min(listed, of_unequal(kJoined, reals, std::ssize(pool.is_real) - reals));
  return compare_walks(control, NeighbourWalk(lists, listed, joined), pool.is_real, draws,
                       [&](int64_t draw) { return marks_of_cut(pool, seed, draw); });
}

NeighbourHints neighbour_hints(const Pool& pool, const PooledCut& actual,
                               const std::vector<int64_t>& lists, int64_t listed, int64_t k) {
  const auto reals = static_cast<size_t>(std::ranges::count(pool.is_real, 1));
  NeighbourHints hints;
  hints.recalled.resize(reals);
  hints.recalled_by_reals.resize(reals);
  hints.own_neighbours.resize(pool.is_real.size() - reals);
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    const auto row = static_cast<size_t>(pool.row_of[i]);
    const std::span list(lists.begin() + static_cast<std::ptrdiff_t>(i) * listed,
                         static_cast<size_t>(listed));
    if (pool.is_real[i] == 0) {
      for (const int64_t other : list.first(std::min<size_t>(2, list.size())))
        if (pool.is_real[static_cast<size_t>(other)] == 0) ++hints.own_neighbours[row];
      continue;
    }
    hints.recalled[row] = actual.recalled[i];
    int64_t left = k;
    for (const int64_t other : list) {
      if (pool.is_real[static_cast<size_t>(other)] == 0) continue;
      hints.recalled_by_reals[static_cast<size_t>(pool.row_of[static_cast<size_t>(other)])] = 1;
      if (--left == 0) break;
    }
  }
  return hints;
}

// Which values of a pooled figure speak against the samples.
Worse worse_of(const std::string& pooled_figure) {
  const bool high = pooled_figure.starts_with("near_") || pooled_figure.starts_with("local_") ||
                    pooled_figure == "invented" || pooled_figure.ends_with("_score");
  return high ? Worse::high : Worse::low;
}

}  // namespace

PooledFigures measure_pooled(world::Communicator& control, const Features& reals,
                             const Features& fakes, const Neighborhood& neighborhood, int64_t draws,
                             uint64_t seed) {
  const Pool pool = shuffled(reals, fakes, seed);
  const Features rows{pool.values, reals.width};
  const int64_t listed = std::min(
      of_unequal(std::max(kFewestListed, 6 * neighborhood.largest()), reals.rows(), fakes.rows()),
      rows.rows() - 1);
  const RowRange mine = rows_of_rank(rows.rows(), control.rank(), control.size());
  const Neighbors part = nearest_neighbors(rows, listed, mine);
  const int64_t first = mine.first * listed;
  auto lists = gathered_list(control, part.rows, first, rows.rows() * listed);
  const auto squares = gathered_list(control, part.squared, first, rows.rows() * listed);
  spread_over_copies(lists, squares, listed);

  PooledFigures measured;
  for (auto* flags : {&measured.away, &measured.emptied_fakes, &measured.shorted_fakes,
                      &measured.repeated, &measured.near_own, &measured.invented})
    flags->resize(static_cast<size_t>(fakes.rows()));
  for (auto* flags : {&measured.emptied, &measured.shorted})
    flags->resize(static_cast<size_t>(reals.rows()));
  const PooledCut actual(lists, squares, listed, neighborhood, pool.is_real);
  const WalkedCuts walked = walked_cuts(control, lists, listed, pool, draws, seed);
  measured.values = all_figures(actual.figures(), walked.actual);
  measured.repeated_reals = actual.repeated_reals();
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    const auto row = static_cast<size_t>(pool.row_of[i]);
    if (pool.is_real[i] != 0) {
      measured.emptied[row] = actual.emptied[i];
      measured.shorted[row] = walked.shorted[i];
    } else {
      measured.away[row] = actual.precise[i] != 0 ? 0 : 1;
      measured.emptied_fakes[row] = actual.emptied[i];
      measured.shorted_fakes[row] = walked.shorted[i];
      measured.repeated[row] = actual.repeated[i];
      measured.near_own[row] = actual.near_own[i];
      measured.invented[row] = actual.invented[i];
    }
  }
  measured.neighbours = neighbour_hints(pool, actual, lists, listed, neighborhood.precision_k);
  std::vector<double> packed(static_cast<size_t>(draws) * kCutFigures, 0.0);
  for (int64_t draw = control.rank(); draw < draws; draw += control.size()) {
    const auto marks = marks_of_cut(pool, seed, draw);
    const auto figures = PooledCut(lists, squares, listed, neighborhood, marks).figures();
    std::ranges::copy(figures, packed.begin() + draw * std::ssize(figures));
  }
  sum_over_ranks(control, packed);
  for (size_t draw = 0; draw < walked.draws.size(); ++draw) {
    std::array<double, kCutFigures> of_cut = {};
    std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(draw * kCutFigures), kCutFigures,
                of_cut.begin());
    const auto figures = all_figures(of_cut, walked.draws[draw]);
    for (size_t i = 0; i < figures.size(); ++i) measured.draws[i].push_back(figures[i]);
  }
  return measured;
}

Null null_of(const std::string& pooled_figure, std::vector<double> draws, int64_t reals,
             int64_t fakes) {
  const bool share = !pooled_figure.ends_with("_score") && pooled_figure != "density";
  const double step = share ? 1 / static_cast<double>(std::min(reals, fakes)) : 0;
  return {std::move(draws), worse_of(pooled_figure), step};
}

}  // namespace allmodes::diagnostics
