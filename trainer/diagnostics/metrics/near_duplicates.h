#pragma once

// Near-duplicates: of s samples of a distribution on S equally likely things s^2 / (2 S) pairs are
// the same thing (the birthday paradox: Arora, Zhang 2017, arXiv 1706.08224). For continuous
// samples "the same" needs a scale: reals, as many, give it.

#include <cstdint>
#include <span>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// Pairs i < j, i in the range, with squared_distance() <= squared_radius; they add over ranges.
int64_t close_pairs(const Features& features, double squared_radius, RowRange range);

// The squared distance within which a share of about 1 / 100 of the rows, ten at least, have their
// nearest other row; `nearest` holds every row's squared distance to it. Below two rows throws
// ExitCode::kSoftware.
double duplicate_radius(std::span<const double> nearest);

// S for the given number of pairs among s samples: s (s - 1) / (2 pairs); +infinity for no pair.
double support_estimate(int64_t samples, int64_t pairs);

}  // namespace allmodes::diagnostics
