#pragma once

// What the rows of two sets, pooled, say of the samples: each figure with its null measured on
// these very rows, and the parts of the data that the samples lack.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "diagnosis/inputs.h"
#include "diagnostics/metrics/precision_recall.h"
#include "diagnostics/statistics/interval.h"
#include "diagnostics/verdict/verdict.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {

// Two sets, and their rows in some features.
struct ComparedSets {
  const DiagnosedSamples& reals;
  const DiagnosedSamples& fakes;
  diagnostics::Features real_rows;
  diagnostics::Features fake_rows;
};

// Among the reals (sample_metrics.h).
struct NearestReals {
  const std::vector<int64_t>& of_fake;
  const std::vector<int64_t>& of_real;  // the nearest other one
};

// Of the pooled figures beside the evidence.
struct PooledFindings {
  std::map<std::string, diagnostics::Interval> intervals;  // by kPooledFigures
  std::vector<uint8_t> invented;                           // [fakes], 1: where no data is
};

// Collective. Adds calibrated figures (kPooledFigures, and `detail` of images), copied_reals,
// parts, emptied, repeated and smallest_loss. `significance`: of all tests of the diagnosis.
PooledFindings add_pooled(world::Communicator& control, const ComparedSets& sets,
                          const NearestReals& nearest,
                          const diagnostics::Neighborhood& neighborhood, double significance,
                          uint64_t seed, diagnostics::Evidence& evidence);

}  // namespace allmodes::diagnosis
