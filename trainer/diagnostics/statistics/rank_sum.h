#pragma once

// The rank-sum test of two sets of numbers (Mann, Whitney 1947).

#include <vector>

namespace allmodes::diagnostics {

// log10 of the probability that `small` lies so low among both sets, or lower, when both have one
// distribution, by the normal approximation; equals share their mean rank, which the variance takes
// account of (Lehmann, "Nonparametrics", 1975). Neither is empty or has a NaN.
double rank_sum_log10(std::vector<double> small, std::vector<double> large);

}  // namespace allmodes::diagnostics
