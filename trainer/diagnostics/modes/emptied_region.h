#pragma once

// Where there are reals and hardly any samples, as a part of the data. Torch-free.

#include <cstdint>
#include <string>
#include <vector>

#include "diagnostics/modes/parts.h"

namespace allmodes::diagnostics {

// What the flags of local_loss and local_shortage (pooled_null.h) say of a place.
struct EmptiedRegion {
  Part part;                         // share of the reals, made of the samples, with its interval
  std::vector<std::string> classes;  // of whose reals two in five or more lie in it
  // Its core are the rows whose surroundings have hardly any samples. log10 of the probability of
  // so few samples in it (binomial), were it made at 0.3 of its share; 0 without a core. Small:
  // something is lost there, though samples of what looks alike lie in the region.
  double core_log10_tail = 0;
  // Share of its reals that lie in thin parts (thin_part.h), [0, 1]: those have their share of
  // samples, which are few things, so that there are none between them.
  double in_thin = 0;
  // Share of the reals that lie in it and apart from everything else; as emptied_apart of
  // pooled_null.h, of local_loss.
  double apart = 0;
};

// `reals_in` and `samples_in` [samples] are 1 for the rows in the region, 2 for those in its core,
// and 0; at least one real is in the region. `reals_in` may be of the first so many reals of the
// reference alone: the others were not looked at. The part has the name of the node of the
// reference's trees that is most like it. hints: labels and class_names alone. `narrow`: as
// find_parts() found them.
EmptiedRegion emptied_region(const PartReference& reference, const Features& samples,
                             const std::vector<uint8_t>& reals_in,
                             const std::vector<uint8_t>& samples_in, const PartHints& hints,
                             const std::vector<Part>& narrow = {});

}  // namespace allmodes::diagnostics
