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
  std::vector<int64_t> rows;        // of the reals that were asked about, ascending
  std::vector<int64_t> of_reals;    // [rows]
  std::vector<int64_t> of_samples;  // [samples]
};

// Whether the counts of five machines (below) would vary by more than chance: more than ten
// classes, of fewer than twenty reals each on average. A class's only real then makes its class
// known to the machines that are asked about samples, and is itself seen by the one that does not
// know it; in 200 sets of two equal samples of 30 to 100 such classes a test at 5 % spoke in 10 to
// 28 %.
bool are_sparse(std::span<const int64_t> labels);

// Collective; rank 0's on every rank. Five machines, each fitted on four fifths of the reals (2,000
// rows at most) and asked about the last one and a fifth of the samples; where classes are sparse,
// one that is fitted on half of the reals (2,000 at most) and asked about all other rows, which are
// then two samples to it. The kernel's width is that of three which is right most often on held-out
// reals. `labels` [reals] in [0, classes); at least ten reals. Rows are in an order that says
// nothing.
SeenClasses classify_by_kernel(world::Communicator& control, const Features& reals,
                               std::span<const int64_t> labels, int64_t classes,
                               const Features& samples);

}  // namespace allmodes::diagnostics
