#pragma once

// Which class rows are of, by rows whose classes are known: regularized least squares on a Gaussian
// kernel, one score a class (Rifkin, Yeo, Poggio, "Regularized least-squares classification",
// 2003). No row is ever classified by a machine that was fitted on it, so that what is said of
// reals compares with what is said of samples.

#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

struct SeenClasses {
  std::vector<int64_t> of_reals;    // [reals]
  std::vector<int64_t> of_samples;  // [samples]
};

// Collective; rank 0's on every rank. Five machines, each fitted on four fifths of the reals (2,000
// rows at most) and asked about the last one and a fifth of the samples; the kernel's width is that
// of three which is right most often on the first. `labels` [reals] in [0, classes); at least ten
// reals. Rows are in an order that says nothing.
SeenClasses classify_by_kernel(world::Communicator& control, const Features& reals,
                               std::span<const int64_t> labels, int64_t classes,
                               const Features& samples);

}  // namespace allmodes::diagnostics
