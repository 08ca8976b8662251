// Distances of two sets of samples, effective numbers, cells and near-duplicates: closed forms.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "diagnostics/metrics/frechet.h"
#include "diagnostics/metrics/kernel_distance.h"
#include "diagnostics/metrics/near_duplicates.h"
#include "diagnostics/metrics/precision_recall.h"
#include "diagnostics/metrics/symmetric_matrix.h"
#include "diagnostics/metrics/vendi.h"
#include "diagnostics/statistics/cells.h"
#include "diagnostics/statistics/copies.h"
#include "ranks/metric_samples.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnostics {
namespace {

using fixture::normal_sample;
using fixture::repeated;
using fixture::Sample;
using fixture::summarize;
using fixture::Summary;

TEST(FrechetDistance, OfGaussiansIsTheClosedForm) {
  // Moments as they are, without sampling: diag covariances, (s1 - s2)^2 a dimension.
  const auto moments = [](double mean, double first, double second) {
    const double n = 1001;
    return FeatureMoments{.count = 1001,
                          .shift = {0, 0},
                          .sum = {n * mean, 0},
                          .products = {(n - 1) * first + n * mean * mean, 0, 0, (n - 1) * second}};
  };
  EXPECT_NEAR(frechet_distance(moments(1, 4, 9), moments(-2, 1, 25)), 9 + 1 + 4, 1e-10);
  EXPECT_NEAR(frechet_distance(moments(1, 4, 0), moments(1, 1, 0)), 1, 1e-7);
  EXPECT_NEAR(frechet_distance(moments(1, 4, 9), moments(1, 4, 9)), 0, 1e-10);
}

TEST(FrechetDistance, OfRotatedGaussiansIsTheClosedForm) {
  // In the plane tr (A B)^1/2 = sqrt(tr AB + 2 sqrt(det AB)).
  const std::vector<double> a = {3, 1, 1, 2};
  const std::vector<double> b = {2, -0.5, -0.5, 1};
  const double trace = 3 * 2 + 2 * (1 * -0.5) + 2 * 1;
  const double determinant = (3 * 2 - 1) * (2 * 1 - 0.25);
  EXPECT_NEAR(trace_of_root(a, b, 2), std::sqrt(trace + 2 * std::sqrt(determinant)), 1e-12);
}

TEST(FrechetDistance, IsTheSameForAnySplitAndShift) {
  const Sample a = normal_sample(1000, 6, 10);
  const Sample b = normal_sample(900, 6, 11, 1.5);
  const std::vector<float> zero(6, 0);
  const std::vector<float> shift(6, 0.25F);
  const double whole = frechet_distance(feature_moments(a, zero, all_rows(a)),
                                        feature_moments(b, zero, all_rows(b)));
  FeatureMoments split = feature_moments(a, shift, {0, 1});
  merge(split, feature_moments(a, shift, {1, 700}));
  merge(split, feature_moments(a, shift, {700, 1000}));
  EXPECT_THROW(merge(split, feature_moments(a, zero, {0, 1})), Error);
  EXPECT_NEAR(frechet_distance(split, feature_moments(b, shift, all_rows(b))), whole, 1e-9);
  EXPECT_NEAR(whole, 6 * 0.25, 0.3);
  EXPECT_THROW(frechet_distance(feature_moments(a, zero, {0, 1}), split), Error);
}

TEST(KernelDistance, IsTheFormulaInPlainLoopsForAnySplit) {
  const Sample reals = normal_sample(300, 4, 12);
  const Sample fakes = normal_sample(270, 4, 13, 1.2);
  const auto kernel = [](const Features& x, int64_t i, const Features& y, int64_t j) {
    double product = 0;
    for (size_t c = 0; c < 4; ++c)
      product += static_cast<double>(x.row(i)[c]) * static_cast<double>(y.row(j)[c]);
    return std::pow(product / 4 + 1, 3);
  };
  const auto mean = [&](const Features& x, const Features& y, bool same) {
    double sum = 0;
    for (int64_t i = 0; i < x.rows(); ++i)
      for (int64_t j = 0; j < y.rows(); ++j)
        if (!same || i != j) sum += kernel(x, i, y, j);
    return sum / static_cast<double>(x.rows() * (y.rows() - (same ? 1 : 0)));
  };
  const double wanted =
      mean(reals, reals, true) + mean(fakes, fakes, true) - 2 * mean(reals, fakes, false);
  KernelSums sums;
  for (int rank = 0; rank < 3; ++rank)
    merge(sums, kernel_sums(reals, fakes, rows_of_rank(300, rank, 3), rows_of_rank(270, rank, 3)));
  EXPECT_NEAR(kernel_distance(sums, 300, 270), wanted, 1e-10);
  EXPECT_THROW(kernel_distance(sums, 1, 270), Error);
}

TEST(KernelDistance, OfEqualDistributionsIsZeroOnAverage) {
  std::vector<double> distances;
  for (uint64_t repeat = 0; repeat < 60; ++repeat) {
    const Sample reals = normal_sample(80, 3, 100 + 2 * repeat);
    const Sample fakes = normal_sample(50, 3, 101 + 2 * repeat);
    distances.push_back(kernel_distance(kernel_sums(reals, fakes, {0, 80}, {0, 50}), 80, 50));
  }
  const Summary found = summarize(distances);
  EXPECT_NEAR(found.mean, 0, 4 * found.standard_error);
}

TEST(VendiScore, CountsOrthogonalGroups) {
  // Five directions, twelve rows each, of any length.
  Sample groups{{}, 7};
  for (int row = 0; row < 60; ++row)
    for (int i = 0; i < 7; ++i)
      groups.values.push_back(i == row % 5 ? static_cast<float>(1 + row) : 0.0F);
  EXPECT_NEAR(vendi_score(direction_sums(groups, {}, all_rows(groups))), 5, 1e-12);
  DirectionSums split = direction_sums(groups, {}, {0, 13});
  merge(split, direction_sums(groups, {}, {13, 60}));
  EXPECT_NEAR(vendi_score(split), 5, 1e-12);
}

TEST(VendiScore, OfOneSampleRepeatedIsOne) {
  const Sample same = repeated({0.5F, -2, 3}, 40);
  EXPECT_NEAR(vendi_score(direction_sums(same, {}, all_rows(same))), 1, 1e-12);
  EXPECT_NEAR(vendi_score(direction_sums(same, {}, {0, 1})), 1, 1e-12);
  const Sample zeros = repeated({0, 0, 0}, 40);
  EXPECT_NEAR(vendi_score(direction_sums(zeros, {}, all_rows(zeros))), 1, 1e-12);
}

TEST(VendiScore, CountsRowsOfLengthZeroAsOneMoreDirection) {
  Sample sample = repeated({1, 0}, 10);
  sample.values.resize(40, 0.0F);  // and ten zero rows
  EXPECT_NEAR(vendi_score(direction_sums(sample, {}, all_rows(sample))), 2, 1e-12);
  const std::vector<double> centre = {0.5, 0.0};  // then the two point to opposite sides
  EXPECT_NEAR(vendi_score(direction_sums(sample, centre, all_rows(sample))), 1, 1e-12);
}

TEST(VendiScore, IsThatOfTheKernelMatrix) {
  const Sample sample = normal_sample(30, 4, 14);
  std::vector<double> kernel(900);
  for (int64_t i = 0; i < 30; ++i)
    for (int64_t j = 0; j < 30; ++j) {
      double product = 0;
      double a = 0;
      double b = 0;
      for (size_t c = 0; c < 4; ++c) {
        const auto x = static_cast<double>(sample.values[static_cast<size_t>(4 * i) + c]);
        const auto y = static_cast<double>(sample.values[static_cast<size_t>(4 * j) + c]);
        product += x * y;
        a += x * x;
        b += y * y;
      }
      kernel[static_cast<size_t>(30 * i + j)] = product / std::sqrt(a * b) / 30;
    }
  double entropy = 0;
  for (const double value : eigenvalues(kernel, 30))
    if (value > 1e-14) entropy -= value * std::log(value);
  EXPECT_NEAR(vendi_score(direction_sums(sample, {}, all_rows(sample))), std::exp(entropy), 1e-9);
}

TEST(Bins, OfSeparateGroupsAreTheGroups) {
  Sample sample = normal_sample(400, 2, 15, 0.05);
  for (int64_t row = 0; row < 400; ++row) {
    const double angle = std::numbers::pi / 2 * static_cast<double>(row % 4);
    sample.values[static_cast<size_t>(2 * row)] += static_cast<float>(3 * std::cos(angle));
    sample.values[static_cast<size_t>(2 * row + 1)] += static_cast<float>(3 * std::sin(angle));
  }
  const auto centres = fit_cells(sample, 4, 20, {1, Purpose("bins")});
  const auto assigned = assign_cells(sample, {centres, 2}, all_rows(sample));
  EXPECT_THAT(count_cells(assigned, 4), ::testing::Each(100));
  for (int64_t row = 4; row < 400; ++row)
    EXPECT_EQ(assigned[static_cast<size_t>(row)], assigned[static_cast<size_t>(row % 4)]);
}

TEST(Bins, DifferByChanceAtTheirLevelAndNotAfterCorrection) {
  // Multinomial counts of equal distributions, 100 bins.
  std::vector<double> divergence;
  double different = 0;
  int64_t corrected = 0;
  Random random({16, Purpose("bins")});
  for (int repeat = 0; repeat < 40; ++repeat) {
    std::vector<int64_t> reals(100, 0);
    std::vector<int64_t> fakes(100, 0);
    for (int i = 0; i < 5000; ++i) ++reals[random.below(100)];
    for (int i = 0; i < 4000; ++i) ++fakes[random.below(100)];
    const CellScores scores = compare_cells(reals, fakes);
    different += static_cast<double>(scores.different) / 40;
    corrected += scores.different_corrected;
    divergence.push_back(scores.jensen_shannon / scores.jensen_shannon_floor);
  }
  EXPECT_NEAR(different, 5, 1.5);
  EXPECT_LE(corrected, 8);  // 2 expected
  const Summary found = summarize(divergence);
  EXPECT_NEAR(found.mean, 1, 4 * found.standard_error + 0.02);
}

TEST(Bins, NameADroppedBinAndBoundTheDivergence) {
  const std::vector<int64_t> reals = {100, 100, 0, 0};
  const std::vector<int64_t> fakes = {0, 0, 50, 50};
  const CellScores scores = compare_cells(reals, fakes);
  EXPECT_EQ(scores.different_corrected, 4);
  EXPECT_NEAR(scores.jensen_shannon, std::numbers::ln2, 1e-12);
  EXPECT_EQ(compare_cells(reals, reals).jensen_shannon, 0);
  EXPECT_THROW(compare_cells(reals, std::vector<int64_t>(4, 0)), Error);
  EXPECT_THROW(compare_cells(reals, std::vector<int64_t>(3, 1)), Error);
}

TEST(NearDuplicates, BirthdayParadoxFindsTheSupport) {
  // 1000 samples of 5000 equally likely things.
  Sample sample{{}, 3};
  const Sample things = normal_sample(5000, 3, 17);
  Random random({17, Purpose("birthdays")});
  for (int i = 0; i < 1000; ++i) {
    const auto row = Features(things).row(static_cast<int64_t>(random.below(5000)));
    sample.values.insert(sample.values.end(), row.begin(), row.end());
  }
  int64_t pairs = 0;
  for (int rank = 0; rank < 3; ++rank) pairs += close_pairs(sample, 0, rows_of_rank(1000, rank, 3));
  int64_t plain = 0;
  for (int64_t i = 0; i < 1000; ++i)
    for (int64_t j = 0; j < i; ++j)
      plain += squared_distance(Features(sample).row(i), Features(sample).row(j)) == 0 ? 1 : 0;
  EXPECT_EQ(pairs, plain);
  EXPECT_NEAR(support_estimate(1000, pairs), 5000, 4 * 5000 / std::sqrt(100.0));
  const Neighbors neighbors = nearest_neighbors(sample, 1, all_rows(sample));
  // Each of these rows is a copy, and nothing else is.
  const Copies copies = count_copies(row_hashes(sample.values, 3));
  EXPECT_EQ(copies.copies, std::ranges::count(neighbors.squared, 0.0));
  EXPECT_EQ(duplicate_radius(neighbors.squared), 0);
}

}  // namespace
}  // namespace allmodes::diagnostics
