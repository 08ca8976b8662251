// The aggregate posterior beside the prior: plain loops, closed forms, and the null's mean.

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/latents/aggregate_posterior.h"

namespace allmodes::diagnostics {
namespace {

const std::vector<double> kWidths = {0.6, 1.2, 3, 6, 12, 30, 60};  // of N(0, I) in 3 dimensions

std::vector<float> normals(const char* purpose, int64_t rows, int64_t dimensions,
                           uint64_t step = 0) {
  std::vector<float> values(static_cast<size_t>(rows * dimensions));
  fill_normal({.seed = 31, .purpose = Purpose(purpose), .step = step}, 0, rows, dimensions,
              values.data());
  return values;
}

double kernel(const float* x, const float* y, size_t dimensions) {
  double distance = 0, sum = 0;
  for (size_t k = 0; k < dimensions; ++k)
    distance += std::pow(static_cast<double>(x[k]) - static_cast<double>(y[k]), 2);
  for (const double width : kWidths) sum += width / (width + distance);
  return sum;
}

// MMD^2 as it is defined, over all ordered pairs.
double plain_mmd(const std::vector<float>& x, const std::vector<float>& y, size_t dimensions) {
  const size_t n = x.size() / dimensions;
  double within = 0, across = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      const size_t a = i * dimensions, b = j * dimensions;
      if (i != j) within += kernel(&x[a], &x[b], dimensions) + kernel(&y[a], &y[b], dimensions);
      across += kernel(&x[a], &y[b], dimensions);
    }
  }
  const auto count = static_cast<double>(n);
  return within / (count * count - count) - 2 * across / (count * count);
}

TEST(AggregateMmd, IsItsDoubleLoop) {
  auto codes = normals("codes", 23, 3);
  for (float& value : codes) value = 0.5F * value + 0.7F;
  const auto prior = normals("prior", 23, 3);
  const double found = squared_mmd(kernel_means(codes, prior, 3, kWidths));
  EXPECT_NEAR(found, plain_mmd(codes, prior, 3), 1e-6);
  EXPECT_GT(found, 0.1);
}

TEST(AggregateMmd, PartsOfTheRowsAddToTheWholeBitForBit) {
  const auto codes = normals("codes", 21, 3), prior = normals("prior", 21, 3);
  const auto whole = kernel_row_sums(codes, prior, 3, kWidths);
  const auto within = kernel_row_sums(codes, 3, kWidths);
  for (const int64_t ranks : {1, 2, 4, 30}) {
    std::vector<double> sums(whole.size()), inner(whole.size());
    for (int64_t rank = 0; rank < ranks; ++rank) {
      const auto part = kernel_row_sums(codes, prior, 3, kWidths, {rank, ranks});
      const auto inner_part = kernel_row_sums(codes, 3, kWidths, {rank, ranks});
      for (size_t i = 0; i < sums.size(); ++i) {
        sums[i] += part[i];
        inner[i] += inner_part[i];
      }
    }
    EXPECT_EQ(sums, whole) << ranks;
    EXPECT_EQ(inner, within) << ranks;
  }
}

// The mean over draws is 0 within its error, which a biased estimate's mean, 2 (k(0) - E k) / n,
// would miss by far.
TEST(AggregateMmd, IsUnbiasedWhereBothAreThePrior) {
  constexpr int kDraws = 400;
  double sum = 0, square = 0, within = 0;
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    const auto means =
        kernel_means(normals("one", 20, 3, draw), normals("two", 20, 3, draw), 3, kWidths);
    sum += squared_mmd(means) / kDraws;
    square += std::pow(squared_mmd(means), 2) / kDraws;
    within += means.of_prior / kDraws;
  }
  const double error = std::sqrt((square - sum * sum) / kDraws);
  const double bias = 2 * (static_cast<double>(kWidths.size()) - within) / 20;
  EXPECT_LT(std::abs(sum), 3 * error);
  EXPECT_GT(bias, 20 * error);
}

TEST(AggregateMmd, DiscrepancyRunsFromNothingToOneAndGrowsWithTheShift) {
  const auto prior = normals("prior", 300, 3);
  double before = -1;
  for (const float shift : {0.0F, 0.3F, 0.85F, 2.0F, 10.0F, 1e4F}) {
    auto codes = normals("codes", 300, 3);
    for (float& value : codes) value += shift;
    const double found = discrepancy(kernel_means(codes, prior, 3, kWidths));
    EXPECT_GT(found, before);
    if (shift == 0) {
      EXPECT_NEAR(found, 0, 0.005);
    } else if (shift == 0.85F) {
      EXPECT_NEAR(found, 0.1, 0.02);
    }
    before = found;
  }
  EXPECT_NEAR(before, 1, 1e-5);
}

TEST(AggregateMmd, RefusesSamplesOfDifferentSizesAndSingleOnes) {
  const auto two = normals("codes", 2, 3), three = normals("prior", 3, 3);
  EXPECT_THROW(kernel_means(two, three, 3, kWidths), Error);
  EXPECT_THROW(kernel_means(normals("one", 1, 3), normals("two", 1, 3), 3, kWidths), Error);
  EXPECT_THROW(kernel_means(normals("one", 2, 2), normals("two", 2, 2), 3, kWidths), Error);
}

// Four samples can be halved in three ways.
TEST(AggregateNull, IsTheEstimateOfHalvesOfThePool) {
  const auto pool = normals("pool", 4, 3);
  const auto joined = [&](size_t i, size_t j) {
    std::vector<float> two;
    for (const size_t row : {i, j})
      for (size_t k = 0; k < 3; ++k) two.push_back(pool[3 * row + k]);
    return two;
  };
  const std::array<double, 3> possible = {plain_mmd(joined(0, 1), joined(2, 3), 3),
                                          plain_mmd(joined(0, 2), joined(1, 3), 3),
                                          plain_mmd(joined(0, 3), joined(1, 2), 3)};
  std::array<int, 3> seen{};
  for (const double value :
       null_of_halves(pool, 3, kWidths, 60, {.seed = 1, .purpose = Purpose("halves")})) {
    size_t nearest = 0;
    for (size_t i = 1; i < 3; ++i)
      if (std::abs(value - possible[i]) < std::abs(value - possible[nearest])) nearest = i;
    EXPECT_NEAR(value, possible[nearest], 1e-5);
    ++seen[nearest];
  }
  for (const int count : seen) EXPECT_GT(count, 8);
}

// As large as that of pairs of samples drawn anew, and without bias.
TEST(AggregateNull, HasTheMeanAndQuantileOfIndependentPairs) {
  std::vector<double> independent;
  for (uint64_t draw = 0; draw < 300; ++draw)
    independent.push_back(squared_mmd(
        kernel_means(normals("one", 40, 3, draw), normals("two", 40, 3, draw), 3, kWidths)));
  std::vector<double> halves;
  for (uint64_t pool = 0; pool < 30; ++pool) {
    const auto some = null_of_halves(normals("pool", 80, 3, pool), 3, kWidths, 10,
                                     {.seed = pool, .purpose = Purpose("halves")});
    halves.insert(halves.end(), some.begin(), some.end());
  }
  for (const double q : {0.5, 0.9})
    EXPECT_NEAR(quantile(halves, q), quantile(independent, q), 0.25 * quantile(independent, 0.9));
  double mean = 0, square = 0;
  for (const double value : halves) {
    mean += value / 300;
    square += value * value / 300;
  }
  EXPECT_LT(std::abs(mean), 3 * std::sqrt(square / 300));
}

TEST(Quantile, IsTheValueThatAShareDoesNotExceed) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  EXPECT_EQ(quantile(values, 0.99), 99);
  EXPECT_EQ(quantile(values, 0.991), 100);
  EXPECT_EQ(quantile(values, 1), 100);
  EXPECT_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_THROW(quantile({}, 0.5), Error);
}

TEST(CodeSpread, OfIndependentDimensionsIsItsClosedForm) {
  // Variances 4, 1, 0.0081 (about 5), 0 with a prior of variance 1.
  std::vector<float> codes;
  for (const float a : {-2.0F, 2.0F})
    for (const float b : {-1.0F, 1.0F})
      for (const float c : {-0.09F, 0.09F}) codes.insert(codes.end(), {a, b, 5 + c, 7});
  const CodeSpread spread = code_spread(codes, 4, 1);
  ASSERT_EQ(spread.variance.size(), 4U);
  EXPECT_NEAR(spread.variance[0], 4, 1e-6);
  EXPECT_NEAR(spread.variance[2], 0.0081, 1e-6);
  EXPECT_EQ(spread.dead_dimensions, 2);
  EXPECT_EQ(spread.rank, 2);
  EXPECT_NEAR(spread.effective_dimensions, std::pow(5.0081, 2) / (16 + 1 + 0.0081 * 0.0081), 1e-5);
  EXPECT_EQ(code_spread(codes, 4, 0.5).dead_dimensions, 1);  // dead by the prior's measure
}

// Codes on a plane through a space of three dimensions, each of which varies.
TEST(CodeSpread, RankSeesWhatNoDimensionAloneDoes) {
  const auto plane = normals("plane", 200, 2);
  std::vector<float> codes;
  for (size_t i = 0; i < plane.size(); i += 2) {
    const float a = plane[i], b = plane[i + 1];
    codes.insert(codes.end(), {a, b, 0.6F * a - 0.8F * b});
  }
  const CodeSpread spread = code_spread(codes, 3, 1);
  EXPECT_EQ(spread.dead_dimensions, 0);
  EXPECT_EQ(spread.rank, 2);
  // Eigenvalues 2, 1 and 0 of the exact covariance: 9 / 5.
  EXPECT_NEAR(spread.effective_dimensions, 1.8, 0.05);
}

TEST(CodeSpread, OfEqualCodesAndNansHasDefinedAnswers) {
  const CodeSpread constant = code_spread(std::vector<float>{1, 2, 1, 2}, 2, 1);
  EXPECT_EQ(constant.dead_dimensions, 2);
  EXPECT_EQ(constant.rank, 0);
  EXPECT_EQ(constant.effective_dimensions, 0);
  const CodeSpread broken = code_spread(std::vector<float>{NAN, 2, 1, -2}, 2, 1);
  EXPECT_EQ(broken.dead_dimensions, 1);
  EXPECT_TRUE(std::isnan(broken.effective_dimensions));
  EXPECT_THROW(code_spread({}, 2, 1), Error);
}

}  // namespace
}  // namespace allmodes::diagnostics
