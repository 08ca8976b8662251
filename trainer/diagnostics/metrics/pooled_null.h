#pragma once

// Precision, recall, density and coverage beside what they are when both sets have one
// distribution, measured for these very samples: pooled, shuffled, and cut anew into as many reals
// and fakes as there are (a permutation test, exact for any distribution, in any features, at any
// number of samples). All cuts are read off one list of nearest neighbours of the pooled rows, so
// that a hundred of them cost less than the distances themselves.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "diagnostics/metrics/precision_recall.h"
#include "diagnostics/modes/thin_part.h"
#include "diagnostics/statistics/null_distribution.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// The figures, in this order.
// near_reals: share of fakes much nearer to a real (a quarter) than that real is to its nearest
// other one; samples learnt by heart.
// near_fakes: share of fakes that have two other fakes as near as that, and nearer than a quarter
// of what three in four fakes have; few things in many copies. (Samples that all lie closer
// together than reals do, as means of a decoder do, are none.)
// near_own: share of fakes whose second nearest other fake is, beside their second nearest real,
// far nearer (0.35 of the distance) than it is for half of the fakes; less the same share of reals.
// Copies that are farther apart than near_fakes asks for, as four of each of a class's twenty
// things in much noise. Samples that are narrower, or off the data, as a whole show nothing.
// invented: share of fakes that lie twice as far from the nearest real as that real's ball
// (precision_k) reaches, or on no ball at all amid fakes alone; places where no data is. Not those
// that near_fakes counts.
// local_loss: share of reals among whose 30 nearest rows of either set fakes are fewer than three
// in ten of their part, less the share of fakes of which that is so. A permuted cut has 0 on
// average, wherever the rows are dense or rare; a lost region of any shape shows.
// local_excess: the same with the sets exchanged; samples where there are hardly any data.
// loss_score: the root of the sum over all rows of the fourth power of how far fakes among those 30
// fall short of their part, in its standard deviations. It says whether the rows of local_loss
// stand out: that share is 0 in most cuts and then that of a whole group of rows, from which few
// draws tell no tail; the score varies (neighbour_walk.h on roots of fourth powers).
// local_shortage, local_surplus, shortage_score, surplus_score: of walks among the pooled rows
// (neighbour_walk.h), which see a part that is made at a third of its share, or lies amid others.
inline constexpr std::array kPooledFigures = {
    "precision",  "recall",         "density",       "coverage",       "near_reals",
    "near_fakes", "near_own",       "invented",      "local_loss",     "local_excess",
    "loss_score", "local_shortage", "local_surplus", "shortage_score", "surplus_score"};

struct PooledFigures {
  std::array<double, kPooledFigures.size()> values = {};
  std::array<std::vector<double>, kPooledFigures.size()> draws = {};  // [draws] each
  std::vector<uint8_t> away;           // [fakes], 1: on no real's ball (precision_k)
  NeighbourHints neighbours;           // balls to the precision_k-th nearest
  std::vector<uint8_t> emptied;        // [reals], 1: counts for local_loss
  std::vector<uint8_t> emptied_fakes;  // [fakes], 1: counts against it
  // Share of the reals that are such and have ten such reals for nearest rows: a group of its own
  // that is not made, rather than the rim of what is made too narrow.
  double emptied_apart = 0;
  std::vector<uint8_t> shorted;        // [reals], 1 or 2: counts for local_shortage (WalkedCuts)
  std::vector<uint8_t> shorted_fakes;  // [fakes], 1 or 2: counts against it
  std::vector<uint8_t> crowded;        // [reals], 1: counts against local_surplus
  std::vector<uint8_t> crowded_fakes;  // [fakes], 1: counts for it
  std::vector<uint8_t> repeated;       // [fakes], 1: counts for near_fakes
  std::vector<uint8_t> near_own;       // [fakes], 1: counts for near_own
  // Share of reals that have two other reals as near as such fakes have others, in units of the
  // median distance in either set: what the data repeat themselves, or hold as densely.
  double repeated_reals = 0;
  std::vector<uint8_t> invented;  // [fakes], 1: counts for invented

  double value_of(std::string_view figure) const;  // of kPooledFigures
};

// Collective; the cuts are functions of the seed, `draws` of them. Without any only the scores are
// of no use, which are said in deviations over the cuts. As measure_samples().
PooledFigures measure_pooled(world::Communicator& control, const Features& reals,
                             const Features& fakes, const Neighborhood& neighborhood, int64_t draws,
                             uint64_t seed);

// As measure_pooled(), of places alone: local_loss to local_surplus and their scores with the rows
// that count for them, at a fraction of the cost. The other figures are 0 without draws.
PooledFigures measure_places(world::Communicator& control, const Features& reals,
                             const Features& fakes, int64_t draws, uint64_t seed);

// The null of a pooled figure of so many reals and fakes, in the direction that speaks against the
// samples.
Null null_of(const std::string& pooled_figure, std::vector<double> draws, int64_t reals,
             int64_t fakes);

}  // namespace allmodes::diagnostics
