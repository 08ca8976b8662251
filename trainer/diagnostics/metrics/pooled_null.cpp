#include "diagnostics/metrics/pooled_null.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "diagnostics/metrics/neighbour_walk.h"
#include "diagnostics/metrics/pooled_cut.h"
#include "diagnostics/metrics/pooled_rows.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kApart = 10;   // nearest rows of a real that stands apart
constexpr int64_t kJoined = 10;  // neighbours of a row that a walk goes to, of equal numbers
constexpr size_t kLocalFigures = std::tuple_size_v<LocalFigures>;
constexpr size_t kPlaceFigures = kLocalFigures + std::tuple_size_v<WalkFigures>;
static_assert(kCutFigures + kPlaceFigures == kPooledFigures.size());

WalkedCuts walked_cuts(world::Communicator& control, const PooledRows& pool,
                       const DrawnCuts& cuts) {
  const auto reals = std::ranges::count(pool.is_real, 1);
  const int64_t joined =
      std::min(pool.listed, of_unequal(kJoined, reals, std::ssize(pool.is_real) - reals));
  return compare_walks(control, NeighbourWalk(pool.lists, pool.listed, joined), pool.is_real, cuts);
}

NeighbourHints neighbour_hints(const PooledRows& pool, const PooledCut& actual, int64_t k) {
  const auto reals = static_cast<size_t>(std::ranges::count(pool.is_real, 1));
  NeighbourHints hints;
  hints.recalled.resize(reals);
  hints.recalled_by_reals.resize(reals);
  hints.own_neighbours.resize(pool.is_real.size() - reals);
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    const auto row = static_cast<size_t>(pool.row_of[i]);
    const std::span list(pool.lists.begin() + static_cast<std::ptrdiff_t>(i) * pool.listed,
                         static_cast<size_t>(pool.listed));
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

// Of each draw N figures, of which measured.draws has the first at `first`.
template <size_t N>
void add_draws(const std::vector<std::array<double, N>>& draws, size_t first,
               PooledFigures& measured) {
  for (const auto& draw : draws)
    for (size_t i = 0; i < N; ++i) measured.draws.at(first + i).push_back(draw.at(i));
}

// Those of walks, and the rows that count for them.
void add_walks(world::Communicator& control, const PooledRows& pool, const DrawnCuts& cuts,
               PooledFigures& measured) {
  constexpr size_t kFirst = kCutFigures + kLocalFigures;
  const WalkedCuts walked = walked_cuts(control, pool, cuts);
  std::ranges::copy(walked.actual, measured.values.begin() + kFirst);
  add_draws(walked.draws, kFirst, measured);
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    const auto row = static_cast<size_t>(pool.row_of[i]);
    const bool real = pool.is_real[i] != 0;
    (real ? measured.shorted : measured.shorted_fakes).at(row) = walked.shorted[i];
    (real ? measured.crowded : measured.crowded_fakes).at(row) = walked.crowded[i];
  }
}

// Share of the reals.
double emptied_apart(const PooledRows& pool, const LocalCut& actual) {
  const auto emptied_real = [&](int64_t row) {
    return pool.is_real[static_cast<size_t>(row)] != 0 &&
           actual.emptied[static_cast<size_t>(row)] != 0;
  };
  int64_t found = 0;
  for (int64_t row = 0; row < std::ssize(pool.is_real); ++row) {
    const auto nearest = pool.lists.begin() + row * pool.listed;
    if (emptied_real(row) &&
        std::all_of(nearest, nearest + std::min(kApart, pool.listed), emptied_real))
      ++found;
  }
  return static_cast<double>(found) / static_cast<double>(std::ranges::count(pool.is_real, 1));
}

void mark_emptied(const PooledRows& pool, const LocalCut& actual, PooledFigures& measured) {
  measured.emptied_apart = emptied_apart(pool, actual);
  for (size_t i = 0; i < pool.row_of.size(); ++i)
    (pool.is_real[i] != 0 ? measured.emptied : measured.emptied_fakes)
        .at(static_cast<size_t>(pool.row_of[i])) = actual.emptied[i];
}

PooledFigures of_size(int64_t reals, int64_t fakes) {
  PooledFigures made;
  for (auto* flags : {&made.emptied, &made.shorted, &made.crowded})
    flags->resize(static_cast<size_t>(reals));
  for (auto* flags : {&made.away, &made.emptied_fakes, &made.shorted_fakes, &made.crowded_fakes,
                      &made.repeated, &made.near_own, &made.invented})
    flags->resize(static_cast<size_t>(fakes));
  return made;
}

// Which values of a pooled figure speak against the samples.
Worse worse_of(const std::string& pooled_figure) {
  const bool high = pooled_figure.starts_with("near_") || pooled_figure.starts_with("local_") ||
                    pooled_figure == "invented" || pooled_figure.ends_with("_score");
  return high ? Worse::high : Worse::low;
}

}  // namespace

double PooledFigures::value_of(std::string_view figure) const {
  const auto at = std::ranges::find(kPooledFigures, figure);
  ALLMODES_CHECK(at != kPooledFigures.end(), "no pooled figure is called '{}'", figure);
  return values.at(static_cast<size_t>(at - kPooledFigures.begin()));
}

PooledFigures measure_pooled(world::Communicator& control, const Features& reals,
                             const Features& fakes, const Neighborhood& neighborhood, int64_t draws,
                             uint64_t seed) {
  const PooledRows pool = pool_rows(control, reals, fakes, 6 * neighborhood.largest(), seed);
  PooledFigures measured = of_size(reals.rows(), fakes.rows());
  using Figures = std::array<double, kCutFigures + kLocalFigures>;
  const auto figures_of = [](const PooledCut& cut) {
    Figures figures = {};
    const auto end = std::ranges::copy(cut.figures(), figures.begin()).out;
    std::ranges::copy(cut.local.figures, end);
    return figures;
  };
  const PooledCut actual(pool, neighborhood, pool.is_real);
  std::ranges::copy(figures_of(actual), measured.values.begin());
  measured.repeated_reals = actual.repeated_reals();
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    if (pool.is_real[i] != 0) continue;
    const auto row = static_cast<size_t>(pool.row_of[i]);
    measured.away[row] = actual.precise[i] != 0 ? 0 : 1;
    measured.repeated[row] = actual.repeated[i];
    measured.near_own[row] = actual.near_own[i];
    measured.invented[row] = actual.invented[i];
  }
  mark_emptied(pool, actual.local, measured);
  measured.neighbours = neighbour_hints(pool, actual, neighborhood.precision_k);
  const DrawnCuts cuts = drawn_cuts(control, pool.is_real, draws, seed);
  std::vector<Figures> own;
  for (const auto& marks : cuts.own)
    own.push_back(figures_of(PooledCut(pool, neighborhood, marks)));
  add_draws(of_all_draws(control, cuts, own), 0, measured);
  add_walks(control, pool, cuts, measured);
  return measured;
}

PooledFigures measure_places(world::Communicator& control, const Features& reals,
                             const Features& fakes, int64_t draws, uint64_t seed) {
  const PooledRows pool = pool_rows(control, reals, fakes, 0, seed);
  PooledFigures measured = of_size(reals.rows(), fakes.rows());
  const LocalCut actual(pool, pool.is_real);
  std::ranges::copy(actual.figures, measured.values.begin() + kCutFigures);
  mark_emptied(pool, actual, measured);
  const DrawnCuts cuts = drawn_cuts(control, pool.is_real, draws, seed);
  add_draws(of_all_draws(control, cuts, local_figures(pool, cuts.own)), kCutFigures, measured);
  add_walks(control, pool, cuts, measured);
  return measured;
}

Null null_of(const std::string& pooled_figure, std::vector<double> draws, int64_t reals,
             int64_t fakes) {
  const bool share = !pooled_figure.ends_with("_score") && pooled_figure != "density";
  const double step = share ? 1 / static_cast<double>(std::min(reals, fakes)) : 0;
  return {std::move(draws), worse_of(pooled_figure), step};
}

}  // namespace allmodes::diagnostics
