#pragma once

// The Vendi score (Friedman, Dieng 2022, arXiv 2210.02410, definition 3.1): the effective number of
// different samples, exp(-sum_i lambda_i ln lambda_i) over the eigenvalues of K / n. Here the
// kernel is the cosine of two rows, so the eigenvalues are those of the d x d matrix X^T X / n of
// the rows at length 1, and cost does not grow with n^2. In [1, min(n, d + 1)]: 1 when all rows
// point one way, n for n orthogonal rows. It sees variety, not whether the samples are like the
// data: compare with the data's own score at the same n.

#include <cstdint>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

// Sums over rows; they add over ranges.
struct DirectionSums {
  int64_t count = 0;
  int64_t zeros = 0;             // rows of length 0: alike among themselves, unlike all others
  std::vector<double> products;  // [d][d], outer products of the rows at length 1

  static auto sums(auto& of) { return std::tie(of.count, of.zeros, of.products); }
};

// `centre` [width] is subtracted from each row first: a cosine needs an origin in the midst of the
// data. Empty: nothing is subtracted. Throws as check_features().
DirectionSums direction_sums(const Features& features, std::span<const double> centre,
                             RowRange range);

// Throws ExitCode::kSoftware for no row.
double vendi_score(const DirectionSums& sums);

}  // namespace allmodes::diagnostics
