#pragma once

// The Frechet distance of two sets of features (Heusel et al. 2017, arXiv 1706.08500, equation 6;
// "FID" where the features are those of Inception): the distance of Gaussians with their moments,
//
//   |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1^1/2 S_2 S_1^1/2)^1/2)
//
// Covariances are divided by n - 1. The estimate is biased upwards, the more the fewer samples and
// the more dimensions: compare figures of one N and one kind of features only.

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

// Power sums that add over ranges of rows.
struct FeatureMoments {
  int64_t count = 0;
  std::vector<double> shift;     // [d], subtracted from every row, so that little cancels
  std::vector<double> sum;       // [d], of the shifted rows
  std::vector<double> products;  // [d][d], of the shifted rows' outer products

  int64_t width() const { return static_cast<int64_t>(sum.size()); }

  static auto sums(auto& of) { return std::tie(of.count, of.sum, of.products); }
};

// `shift` [width], any point near the data: one for all that is merged. Throws as check_features().
FeatureMoments feature_moments(const Features& features, std::span<const float> shift,
                               RowRange range);

// As merge() of sums.h; throws ExitCode::kSoftware for moments about another point.
void merge(FeatureMoments& into, const FeatureMoments& part);

// [d]; of at least one row.
std::vector<double> mean(const FeatureMoments& moments);

// [d][d], divided by n - 1, of `population` by n; of at least two rows, else throws
// ExitCode::kSoftware.
std::vector<double> covariance(const FeatureMoments& moments, bool population = false);

struct Gaussian {
  std::vector<double> mean;        // [d]
  std::vector<double> covariance;  // [d][d]
};

// As covariance().
Gaussian gaussian_of(const FeatureMoments& moments, bool population = false);

// >= 0; 0 for equal ones, to about 1e-8 of the variance where a covariance is singular. Of one
// width, else throws ExitCode::kSoftware.
double frechet_distance(const Gaussian& a, const Gaussian& b);
double frechet_distance(const FeatureMoments& a, const FeatureMoments& b, bool population = false);

}  // namespace allmodes::diagnostics
