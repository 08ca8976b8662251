#pragma once

// The kernel distance ("KID" where the features are those of Inception): the unbiased MMD^2 with
// the kernel k(x, y) = (x . y / d + 1)^3 (Binkowski, Sutherland, Arbel, Gretton 2018, arXiv
// 1801.01401, section 4). Of all samples, not the mean over subsets: its mean is 0 for equal
// distributions at any N, and it may be negative. It sees three moments of the features and is
// blind to much of a collapse to the mean: no witness by itself.

#include <cstdint>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/interval.h"
#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

// Sums of the kernel over ordered pairs, by the jackknife groups (interval.h) of the two rows:
// [kJackknifeGroups][kJackknifeGroups] each. They add over ranges.
struct KernelSums {
  static constexpr size_t kPairs = static_cast<size_t>(kJackknifeGroups) * kJackknifeGroups;
  std::vector<double> within_reals = std::vector<double>(kPairs, 0);  // i != j
  std::vector<double> within_fakes = std::vector<double>(kPairs, 0);  // i != j
  std::vector<double> between = std::vector<double>(kPairs, 0);       // [of the fake][of the real]

  static auto sums(auto& of) { return std::tie(of.within_reals, of.within_fakes, of.between); }
};

// The rows of the ranges with all rows. Throws as check_features().
KernelSums kernel_sums(const Features& reals, const Features& fakes, RowRange real_range,
                       RowRange fake_range);

// At least two reals and two fakes, else throws ExitCode::kSoftware.
double kernel_distance(const KernelSums& sums, int64_t reals, int64_t fakes);

// Its size, which the units of the features do not change: over the mean of the kernel between two
// different samples of one set, the mean of both sets. 0 where kernels are 0.
double kernel_effect(const KernelSums& sums, int64_t reals, int64_t fakes);

// Without each group of reals and the fakes of the same group, [kJackknifeGroups]; at least twenty
// of either.
std::vector<double> kernel_distances_without(const KernelSums& sums, int64_t reals, int64_t fakes);

}  // namespace allmodes::diagnostics
