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
  // Samples are a decoder's means, narrower than the data by design: parts that they lack for that
  // are not lost (modes/decoder_means.h).
  bool decoder_means = false;
};

// Adds what `samples` show beside the reference: each figure with its tail, coverage, spread
// and halves of each mode with the tail of the worst mode's null, and their means over modes; where
// the reference has parts, those that are lost or narrow at parts_level(significance).
void add_comparison(const Comparison& comparison, const FeatureRows& samples, double significance,
                    Evidence& evidence);

// What parts are named by: the modes of the reference's reals, where there are several.
PartHints part_hints(const Comparison& comparison);

// The level that all tests of parts have together, said before an evaluation's other tests are
// counted: their share where there are twelve, as in training; diagnose has some twenty.
inline double parts_level(double significance) {
  return significance / 12;
}

}  // namespace allmodes::diagnostics
