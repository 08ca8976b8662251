// Tails and quantiles against exact sums and published tables.

#include "diagnostics/statistics/distributions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// P(X <= k) by summing the definition in extended precision; for small n.
double exact_tail(int64_t k, int64_t n, double p) {
  long double sum = 0;
  for (int64_t j = 0; j <= k; ++j) {
    long double term = 1;
    for (int64_t i = 0; i < j; ++i) {
      term *= static_cast<long double>(n - i) / static_cast<long double>(i + 1);
    }
    sum += term * std::pow(static_cast<long double>(p), static_cast<long double>(j)) *
           std::pow(1 - static_cast<long double>(p), static_cast<long double>(n - j));
  }
  return static_cast<double>(std::log10(sum));
}

TEST(Distributions, BinomialTailEqualsTheSumOfItsDefinition) {
  for (const int64_t n : {1, 2, 7, 30, 60}) {
    for (const double p : {0.01, 0.1, 0.5, 0.77, 0.99}) {
      for (int64_t k = 0; k < n; ++k) {
        const double exact = exact_tail(k, n, p);
        EXPECT_NEAR(binomial_lower_log10(k, n, p), exact, 1e-11 + 1e-12 * std::abs(exact))
            << k << " of " << n << " at " << p;
      }
    }
  }
}

TEST(Distributions, BinomialTailOfZeroIsAPowerHoweverSmall) {
  for (const int64_t n : {10, 2500, 100'000, 1'000'000}) {
    for (const double p : {1e-3, 0.1, 0.9}) {
      const double exact = static_cast<double>(n) * std::log10(1 - p);
      EXPECT_NEAR(binomial_lower_log10(0, n, p), exact, 1e-9 + 1e-13 * std::abs(exact));
    }
  }
  // One success adds n p / (1 - p) times as much: far below the smallest double, 1e-308.
  const double tail = 99'999 * std::log10(0.5) + std::log10(100'001 * 0.5);
  EXPECT_NEAR(binomial_lower_log10(1, 100'000, 0.5), tail, 1e-8);
}

TEST(Distributions, BinomialTailsOfComplementaryEventsAddToOne) {
  for (const int64_t k : {100, 240, 249, 250, 251, 260, 300}) {
    const double lower = std::pow(10, binomial_lower_log10(k, 2500, 0.1));
    const double upper = std::pow(10, binomial_lower_log10(2500 - k - 1, 2500, 0.9));
    EXPECT_NEAR(lower + upper, 1, 1e-10) << k;
  }
}

TEST(Distributions, BinomialTailIsDefinedAtTheEnds) {
  EXPECT_EQ(binomial_lower_log10(-1, 10, 0.5), -INFINITY);
  EXPECT_EQ(binomial_lower_log10(10, 10, 0.5), 0);
  EXPECT_EQ(binomial_lower_log10(0, 0, 0.5), 0);
  EXPECT_EQ(binomial_lower_log10(3, 10, 0.0), 0);
  EXPECT_EQ(binomial_lower_log10(3, 10, 1.0), -INFINITY);
  EXPECT_THROW(binomial_lower_log10(0, 10, NAN), Error);
  EXPECT_THROW(binomial_lower_log10(0, -1, 0.5), Error);
  EXPECT_THROW(binomial_lower_log10(0, 10, 1.5), Error);
}

// NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.4 (three decimals).
TEST(Distributions, ChiSquareQuantilesAgreeWithThePublishedTable) {
  struct Row {
    double tail, degrees, quantile;
  };
  for (const Row& row :
       {Row{0.05, 1, 3.841}, Row{0.01, 1, 6.635}, Row{0.001, 1, 10.828}, Row{0.10, 7, 12.017},
        Row{0.05, 9, 16.919}, Row{0.001, 9, 27.877}, Row{0.01, 24, 42.980}, Row{0.001, 24, 51.179},
        Row{0.95, 10, 3.940}, Row{0.99, 30, 14.953}, Row{0.001, 100, 149.449}}) {
    EXPECT_NEAR(chi_square_quantile(row.tail, row.degrees), row.quantile, 6e-4)
        << row.tail << " with " << row.degrees;
  }
}

TEST(Distributions, ChiSquareOfTwoDegreesIsAnExponential) {
  for (const double tail : {0.999, 0.5, 1e-3, 1e-20, 1e-200}) {
    const double exact = -2 * std::log(tail);
    EXPECT_NEAR(chi_square_quantile(tail, 2), exact, 1e-12 * std::max(1.0, exact));
    EXPECT_NEAR(chi_square_upper(exact, 2) / tail, 1, 1e-11);
  }
}

TEST(Distributions, IncompleteGammaOfIntegerShapeIsAPoissonSum) {
  for (const int shape : {1, 2, 5, 40, 500}) {
    for (const double x : {0.3, 4.9, 5.1, 39.0, 480.0, 530.0}) {
      long double sum = 0;
      for (int j = 0; j < shape; ++j) sum += std::exp(j * std::log(x) - x - std::lgamma(j + 1.0));
      EXPECT_NEAR(gamma_upper(shape, x), static_cast<double>(sum), 1e-11) << shape << " at " << x;
    }
  }
  EXPECT_EQ(gamma_upper(3, 0), 1);
  EXPECT_EQ(gamma_upper(3, INFINITY), 0);
}

TEST(Distributions, NormalQuantilesAgreeWithThePublishedOnes) {
  EXPECT_NEAR(normal_quantile(0.025), 1.959963984540054, 1e-11);
  EXPECT_NEAR(normal_quantile(0.001), 3.090232306167813, 1e-11);
  EXPECT_NEAR(normal_quantile(0.975), -1.959963984540054, 1e-11);
  EXPECT_EQ(normal_quantile(0.5), 0);
}

TEST(Distributions, QuantilesRefuseWhatIsNoProbability) {
  for (const double tail : {0.0, 1.0, -0.1, static_cast<double>(NAN)}) {
    EXPECT_THROW(chi_square_quantile(tail, 3), Error);
    EXPECT_THROW(normal_quantile(tail), Error);
  }
  EXPECT_THROW(chi_square_quantile(0.5, 0), Error);
}

TEST(Distributions, ChernoffBoundIsAboveTheExactBinomialTail) {
  for (int64_t k = 31; k <= 100; ++k) {
    const double exact = binomial_lower_log10(100 - k, 100, 0.7);  // P(X >= k), mean 30
    EXPECT_GE(poisson_binomial_upper_log10(static_cast<double>(k), 30), exact);
  }
  EXPECT_EQ(poisson_binomial_upper_log10(30, 30), 0);
  EXPECT_EQ(poisson_binomial_upper_log10(1, 0), -INFINITY);
}

}  // namespace
}  // namespace allmodes::diagnostics
