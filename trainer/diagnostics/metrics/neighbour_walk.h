#pragma once

// Where the rows of two sets, pooled, are of one set rather than of the other, seen by short random
// walks from neighbour to neighbour. A walk of three steps reaches some hundred rows along the
// shape that the rows have, where a ball with as many would reach across to other groups; so it
// sees a group that lies amid others and has too few rows of one set, not only one that has none.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/metrics/pooled_rows.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// The graph in which two rows are joined if either is among the `joined` nearest of the other.
class NeighbourWalk {
 public:
  // `lists` [rows][listed]: of each row its nearest other rows, nearest first. joined <= listed.
  NeighbourWalk(std::span<const int64_t> lists, int64_t listed, int64_t joined);

  int64_t rows() const { return static_cast<int64_t>(starts_.size()) - 1; }

  // [rows], in units of 1 / kWalkUnit: the probability that a walk of three steps from the row,
  // each to a neighbour at random, ends at a marked row, given that it does not end where it began
  // (so a row's own mark has no say). Whole numbers, so that sums of them do not depend on their
  // order. `cuts`: of each the marks [rows], 0 or 1; as many lists of [rows] are returned.
  std::vector<std::vector<int32_t>> ends_marked(std::span<const std::vector<uint8_t>> cuts) const;

 private:
  // [rows][kLanes], the means over the neighbours of each row.
  std::vector<float> step(const std::vector<float>& values) const;

  std::vector<int64_t> starts_;       // [rows + 1], where a row's neighbours begin
  std::vector<int32_t> neighbours_;   // ascending for each row
  std::vector<float> back_at_start_;  // [rows], probability of ending where it began, < 1
};
inline constexpr int32_t kWalkUnit = 1 << 20;

// Of a pool of reals and fakes, in this order:
// shortage: share of the reals from which walks end at fakes less than 0.6 times as often as they
// should beside how often they end at reals, less the share of fakes of which that is so. 0 on
// average where both have one law; a part that is made at a third of its share shows.
// surplus: the same with the sets exchanged, beyond what fakes are too many everywhere because they
// lack the shortage (1 / (1 - shortage) times as many; of each cut its own).
// scores of either: the root of the sum over all rows of the fourth power of how far their walks'
// ends lie above (below) the expectation, in units of the row's own deviation over the cuts. They
// say whether few rows that hang together stand out; the shares say how much that is. (Sums of
// fourth powers of normal numbers have tails that fall as the exponential of the root, which is the
// law that a Null goes on with beyond its draws.)
using WalkFigures = std::array<double, 4>;

struct WalkedCuts {
  WalkFigures actual = {};
  std::vector<WalkFigures> draws = {};  // the same of cuts of the pool into as many of either
  // [rows], 1: counts for the shortage or against it; 2: so does it, and ends there are at fakes
  // less than 0.3 times as often as they should be. What a row itself is has no say in that.
  std::vector<uint8_t> shorted = {};
  std::vector<uint8_t> crowded = {};  // [rows], 1: counts for the surplus or against it
};

// Collective. `is_real` [rows] has 1 for reals. The pool as it is counts as one of the cuts that
// deviations are taken over, so that it is not apart from them. Equal to the last bit on any number
// of ranks.
WalkedCuts compare_walks(world::Communicator& control, const NeighbourWalk& walk,
                         const std::vector<uint8_t>& is_real, const DrawnCuts& cuts);

}  // namespace allmodes::diagnostics
