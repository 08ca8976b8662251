#include "diagnostics/metrics/pooled_null.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "base/error.h"
#include "diagnostics/metrics/neighbour_walk.h"
#include "diagnostics/metrics/pooled_cut.h"
#include "diagnostics/metrics/pooled_rows.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kJoined = 10;  // neighbours of a row that a walk goes to, of equal numbers
constexpr size_t kPlaceFigures = kLocalFigures + std::tuple_size_v<WalkFigures>;
static_assert(kCutFigures + kPlaceFigures == kPooledFigures.size());

WalkedCuts walked_cuts(world::Communicator& control, const PooledRows& pool, int64_t draws,
                       uint64_t seed) {
  const auto reals = std::ranges::count(pool.is_real, 1);
  const int64_t joined =
      std::min(pool.listed, of_unequal(kJoined, reals, std::ssize(pool.is_real) - reals));
  return compare_walks(control, NeighbourWalk(pool.lists, pool.listed, joined), pool.is_real, draws,
                       [&](int64_t draw) { return marks_of_cut(pool, seed, draw); });
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

// Draws of the figures [first, first + N), which of_cut(marks) measures of a cut.
template <size_t N>
void add_draws(world::Communicator& control, const PooledRows& pool, int64_t draws, uint64_t seed,
               size_t first,
               const std::function<std::array<double, N>(const std::vector<uint8_t>&)>& of_cut,
               PooledFigures& measured) {
  std::vector<double> packed(static_cast<size_t>(draws) * N, 0.0);
  for (int64_t draw = control.rank(); draw < draws; draw += control.size())
    std::ranges::copy(of_cut(marks_of_cut(pool, seed, draw)),
                      packed.begin() + draw * static_cast<int64_t>(N));
  sum_over_ranks(control, packed);
  for (size_t i = 0; i < packed.size(); ++i) measured.draws.at(first + i % N).push_back(packed[i]);
}

// Those of walks, and the rows that count for them.
void add_walks(world::Communicator& control, const PooledRows& pool, int64_t draws, uint64_t seed,
               PooledFigures& measured) {
  constexpr size_t kFirst = kCutFigures + kLocalFigures;
  const WalkedCuts walked = walked_cuts(control, pool, draws, seed);
  std::ranges::copy(walked.actual, measured.values.begin() + kFirst);
  for (const WalkFigures& draw : walked.draws)
    for (size_t i = 0; i < draw.size(); ++i) measured.draws.at(kFirst + i).push_back(draw.at(i));
  for (size_t i = 0; i < pool.row_of.size(); ++i)
    (pool.is_real[i] != 0 ? measured.shorted : measured.shorted_fakes)
        .at(static_cast<size_t>(pool.row_of[i])) = walked.shorted[i];
}

void mark_emptied(const PooledRows& pool, const LocalCut& actual, PooledFigures& measured) {
  for (size_t i = 0; i < pool.row_of.size(); ++i)
    (pool.is_real[i] != 0 ? measured.emptied : measured.emptied_fakes)
        .at(static_cast<size_t>(pool.row_of[i])) = actual.emptied[i];
}

PooledFigures of_size(int64_t reals, int64_t fakes) {
  PooledFigures made;
  for (auto* flags : {&made.emptied, &made.shorted}) flags->resize(static_cast<size_t>(reals));
  for (auto* flags : {&made.away, &made.emptied_fakes, &made.shorted_fakes, &made.repeated,
                      &made.near_own, &made.invented})
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
    std::ranges::copy(cut.local.figures(), end);
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
  add_draws<std::tuple_size_v<Figures>>(
      control, pool, draws, seed, 0,
      [&](const std::vector<uint8_t>& marks) {
        return figures_of(PooledCut(pool, neighborhood, marks));
      },
      measured);
  add_walks(control, pool, draws, seed, measured);
  return measured;
}

PooledFigures measure_places(world::Communicator& control, const Features& reals,
                             const Features& fakes, int64_t draws, uint64_t seed) {
  const PooledRows pool = pool_rows(control, reals, fakes, 0, seed);
  PooledFigures measured = of_size(reals.rows(), fakes.rows());
  const LocalCut actual(pool, pool.is_real);
  std::ranges::copy(actual.figures(), measured.values.begin() + kCutFigures);
  mark_emptied(pool, actual, measured);
  add_draws<kLocalFigures>(
      control, pool, draws, seed, kCutFigures,
      [&](const std::vector<uint8_t>& marks) { return LocalCut(pool, marks).figures(); }, measured);
  add_walks(control, pool, draws, seed, measured);
  return measured;
}

Null null_of(const std::string& pooled_figure, std::vector<double> draws, int64_t reals,
             int64_t fakes) {
  const bool share = !pooled_figure.ends_with("_score") && pooled_figure != "density";
  const double step = share ? 1 / static_cast<double>(std::min(reals, fakes)) : 0;
  return {std::move(draws), worse_of(pooled_figure), step};
}

}  // namespace allmodes::diagnostics
