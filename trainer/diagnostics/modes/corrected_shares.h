#pragma once

// The shares of classes among samples that were classified with mistakes. Torch-free.

#include <cstdint>
#include <vector>

namespace allmodes::diagnostics {

// Rows that are of class k and were taken for class j, [j][k].
using Confusion = std::vector<std::vector<int64_t>>;

// The shares q that make the counts of what samples were taken for, `seen` [classes], most likely
// where each class is mistaken as the reals of it are: sum_k P(j | k) q_k (Lipton, Wang, Smola,
// "Detecting and correcting for label shift with black box predictors", 2018, arXiv 1802.03916; by
// expectation maximization, so that none is negative). [classes], sum 1. Half a count more of each
// right answer, so that a class of which no real is there is no class of its own.
std::vector<double> corrected_shares(const Confusion& confusion, const std::vector<int64_t>& seen);

}  // namespace allmodes::diagnostics
