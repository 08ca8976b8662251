#pragma once

// Places of the data with hardly any samples, or too few, as evidence for the verdict
// (pooled_null.h): the same of a run's samples and of anyone's.

#include <cstdint>
#include <functional>
#include <string_view>

#include "diagnostics/metrics/pooled_null.h"
#include "diagnostics/modes/emptied_region.h"
#include "diagnostics/verdict/comparison_evidence.h"
#include "diagnostics/verdict/verdict.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// Adds those of kPooledFigures that `wanted` asks for, each with its null; no scores. Whether there
// is a loss, a shortage or a surplus their scores say, how much it is the shares do.
void add_calibrated(const PooledFigures& pooled, int64_t reals, int64_t fakes,
                    const std::function<bool(std::string_view)>& wanted, Evidence& evidence);

// Sets evidence.emptied, shorted and crowded where some of `reference`'s reals are flagged.
// `fakes`: in the columns of the reference; hints and narrow as of emptied_region().
void add_places(const PartReference& reference, const Features& fakes, const PooledFigures& pooled,
                const PartHints& hints, const std::vector<Part>& narrow, Evidence& evidence);

// Collective. Sets local_loss_when_moved and local_shortage_when_moved where one of the two figures
// is significant and of note, or a group apart is lost, and the samples can be moved onto the reals
// (moved_samples.h).
void add_left_by_move(world::Communicator& control, const Features& reals, const Features& fakes,
                      double significance, uint64_t seed, Evidence& evidence);

// What a run looks for places among: the comparison's reals, in their order, in features of their
// own, [reals][width].
struct PlaceReference {
  std::vector<float> reals;
  int64_t width = 0;
  int64_t most_looked_at = 5000;  // rows of either set
};

// PlaceReference::most_looked_at of a run, 600 to 5,000: the cost goes with the square of the rows.
// Of a small model so many that to look for places costs three thousandths of what is trained
// between two evaluations, which take so many `multiply_adds` forward.
int64_t most_looked_at(double multiply_adds);

// Collective. All of the above, of samples in the features of either; `comparison` has parts:
// local_loss, local_shortage, local_excess and local_surplus, and the places.
// Of as many samples as reals, the first places.most_looked_at at most. Where parts have all
// columns that places have, and of samples that lie away from the data, places are a second look at
// what parts miss: of 600 at most, and none where no part lacks samples. Adds nothing where there
// are fewer than kFewestForParts, or values too large to compare.
// evidence.parts are those of `samples`; `significance`: of all tests of the evaluation.
void add_places_of_run(world::Communicator& control, const PlaceReference& places,
                       const Features& samples, const Comparison& comparison,
                       const Features& compared_samples, double significance, uint64_t seed,
                       Evidence& evidence);

}  // namespace allmodes::diagnostics
