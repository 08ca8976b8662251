#pragma once

// The calibrated comparison with real samples as evidence for the verdict.

#include <string>
#include <vector>

#include "diagnostics/modes/comparison.h"
#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {

struct Comparison {
  Reference reference;
  std::vector<Null> nulls;         // of figures(), in their order
  std::vector<std::string> names;  // of the modes
  std::vector<double> shares;      // of the modes, in the data
};

// Adds what `samples` show beside the reference: each figure with its tail, coverage, spread
// and halves of each mode with the tail of the worst mode's null, and their means over modes.
void add_comparison(const Comparison& comparison, const FeatureRows& samples, Evidence& evidence);

}  // namespace allmodes::diagnostics
