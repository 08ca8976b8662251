#pragma once

// What the samples as a whole say beside the data: where their mean lies, and how wide they are.

#include <cstdint>

#include "diagnosis/pooled_evidence.h"
#include "diagnostics/verdict/verdict.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {

// Collective. Adds mean_shift and spread_ratio (whole_shape.h) to the calibrated figures, the
// latter with the tail of so large a difference in either direction, and their intervals to the
// findings.
void add_whole(world::Communicator& control, const ComparedSets& sets, uint64_t seed,
               diagnostics::Evidence& evidence, PooledFindings& findings);

}  // namespace allmodes::diagnosis
