#pragma once

// Few things in many copies that are not equal: samples that lie in tight clumps with nothing
// around them, where the reals do not. A clump shows by a gap: the distances of a row to its
// nearest other ones grow slowly within it, then by a leap. That asks for no scale, so that it sees
// a handful of pictures with much noise as well as with little, and not samples that are merely
// narrower than the data, or flat.

#include <cstdint>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

struct Clumps {
  int64_t looked_at = 0;      // rows of either set
  double of_fakes = 0;        // share that lies in clumps, [0, 1]
  double of_reals = 0;        // the same of as many reals
  double things = 0;          // clumps of fakes, as equally large ones: 1 / sum of shares squared
  std::vector<double> draws;  // of_fakes - of_reals when both have one law: the pool cut anew
  std::vector<int64_t> clumped;  // rows of the fakes that were looked at and lie in clumps
};

inline constexpr int64_t kFewestForClumps = 60;

// Of 1,000 rows of either set at most, and of as many of both. A clump has five rows of those at
// least and an eighth of them at most, and no other row is within twice its reach. A function of
// the rows and the seed. kFewestForClumps rows of each set, `draws` >= 20; time is quadratic in the
// rows that are looked at.
Clumps find_clumps(const Features& reals, const Features& fakes, int64_t draws, uint64_t seed);

}  // namespace allmodes::diagnostics
