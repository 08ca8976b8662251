#include "diagnostics/statistics/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kLn10 = 2.302585092994045684;

double log_pmf(int64_t successes, int64_t trials, double probability) {
  const auto k = static_cast<double>(successes);
  const auto n = static_cast<double>(trials);
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
         k * std::log(probability) + (n - k) * std::log1p(-probability);
}

// sum_{j <= k} pmf(j) / pmf(k) for k at or below the mean, where the terms fall.
double lower_sum_over_first(int64_t k, int64_t n, double probability) {
  const double odds = (1 - probability) / probability;
  double sum = 1;
  double term = 1;
  for (int64_t j = k; j > 0 && term > sum * kEpsilon; --j) {
    term *= static_cast<double>(j) / static_cast<double>(n - j + 1) * odds;
    sum += term;
  }
  return sum;
}

double gamma_lower_series(double shape, double x) {
  double term = 1 / shape;
  double sum = term;
  for (double n = shape + 1; term > sum * kEpsilon; n += 1) {
    term *= x / n;
    sum += term;
  }
  return sum * std::exp(shape * std::log(x) - x - std::lgamma(shape));
}

double gamma_upper_fraction(double shape, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - shape;
  double c = 1 / kTiny;
  double d = 1 / b;
  double value = d;
  for (double i = 1; i < 1e6; i += 1) {
    const double a = -i * (i - shape);
    b += 2;
    d = a * d + b;
    d = 1 / (std::abs(d) < kTiny ? kTiny : d);
    c = b + a / c;
    if (std::abs(c) < kTiny) c = kTiny;
    value *= d * c;
    if (std::abs(d * c - 1) <= 2 * kEpsilon) break;
  }
  return value * std::exp(shape * std::log(x) - x - std::lgamma(shape));
}

}  // namespace

double binomial_lower_log10(int64_t successes, int64_t trials, double probability) {
  ALLMODES_CHECK(trials >= 0 && probability >= 0 && probability <= 1,
                 "binomial tail of {} trials with probability {}", trials, probability);
  if (successes < 0) return -kInfinity;
  if (successes >= trials || probability == 0) return 0;
  if (probability == 1) return -kInfinity;
  const double mean = static_cast<double>(trials) * probability;
  if (static_cast<double>(successes) <= mean) {
    const double log_tail = log_pmf(successes, trials, probability) +
                            std::log(lower_sum_over_first(successes, trials, probability));
    return std::min(0.0, log_tail / kLn10);
  }
  // Above the mean: 1 - P(X > successes), which is a lower tail of the failures.
  const int64_t failures = trials - successes - 1;
  const double log_upper = log_pmf(failures, trials, 1 - probability) +
                           std::log(lower_sum_over_first(failures, trials, 1 - probability));
  return std::log1p(-std::min(1.0, std::exp(log_upper))) / kLn10;
}

double hypergeometric_lower_log10(int64_t drawn, int64_t draws, int64_t marked, int64_t all) {
  ALLMODES_CHECK(0 <= marked && marked <= all && 0 <= draws && draws <= all,
                 "{} draws from {} things of which {} are marked", draws, all, marked);
  const int64_t least = std::max<int64_t>(0, draws + marked - all);
  const int64_t most = std::min(draws, marked);
  if (drawn < least) return -kInfinity;
  if (drawn >= most) return 0;
  const auto log_choose = [](int64_t n, int64_t k) {
    return std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
           std::lgamma(static_cast<double>(n - k) + 1);
  };
  const double log_first =
      log_choose(marked, drawn) + log_choose(all - marked, draws - drawn) - log_choose(all, draws);
  // P(k - 1) / P(k); beyond the mode the terms grow at first, so none is dropped before it.
  double sum = 1;
  double term = 1;
  for (int64_t k = drawn; k > least; --k) {
    term *= static_cast<double>(k) * static_cast<double>(all - marked - draws + k) /
            (static_cast<double>(marked - k + 1) * static_cast<double>(draws - k + 1));
    sum += term;
    if (!std::isfinite(sum)) return 0;
    if (term < sum * kEpsilon && static_cast<double>(k) * static_cast<double>(all) <
                                     static_cast<double>(draws) * static_cast<double>(marked))
      break;
  }
  return std::min(0.0, (log_first + std::log(sum)) / kLn10);
}

double binomial_upper_bound(int64_t successes, int64_t trials, double tail) {
  ALLMODES_CHECK(trials >= 1 && tail > 0 && tail < 0.5, "a bound from {} trials at tail {}", trials,
                 tail);
  if (successes >= trials) return 1;
  double low = static_cast<double>(std::max<int64_t>(0, successes)) / static_cast<double>(trials);
  double high = 1;
  for (int i = 0; i < 60 && high - low > 1e-13; ++i) {
    const double middle = 0.5 * (low + high);
    (binomial_lower_log10(successes, trials, middle) > std::log10(tail) ? low : high) = middle;
  }
  return high;
}

double binomial_lower_bound(int64_t successes, int64_t trials, double tail) {
  return successes <= 0 ? 0.0 : 1 - binomial_upper_bound(trials - successes, trials, tail);
}

double normal_upper_log10(double x) {
  if (x < 30) return std::log10(0.5 * std::erfc(x / std::sqrt(2.0)));
  // The tail's first term, phi(x) / x, within 0.2 % from here on.
  return -(0.5 * x * x + 0.5 * std::log(2 * 3.141592653589793) + std::log(x)) / kLn10;
}

double gamma_upper(double shape, double x) {
  ALLMODES_CHECK(shape > 0 && x >= 0, "incomplete gamma function of shape {} at {}", shape, x);
  if (x == 0) return 1;
  if (std::isinf(x)) return 0;
  return x < shape + 1 ? 1 - gamma_lower_series(shape, x) : gamma_upper_fraction(shape, x);
}

double chi_square_upper(double x, double degrees) {
  return gamma_upper(degrees / 2, x / 2);
}

double chi_square_quantile(double upper_tail, double degrees) {
  ALLMODES_CHECK(upper_tail > 0 && upper_tail < 1 && degrees > 0,
                 "chi-square quantile of tail {} with {} degrees of freedom", upper_tail, degrees);
  double low = 0;
  double high = degrees + 1;
  while (chi_square_upper(high, degrees) > upper_tail) high *= 2;
  // Bisection: called once an evaluation, and it cannot fail to converge.
  for (int i = 0; i < 200 && high - low > high * kEpsilon; ++i) {
    const double middle = 0.5 * (low + high);
    (chi_square_upper(middle, degrees) > upper_tail ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double normal_quantile(double upper_tail) {
  ALLMODES_CHECK(upper_tail > 0 && upper_tail < 1, "normal quantile of tail {}", upper_tail);
  if (upper_tail > 0.5) return -normal_quantile(1 - upper_tail);
  if (upper_tail == 0.5) return 0;
  return std::sqrt(chi_square_quantile(2 * upper_tail, 1));
}

double poisson_binomial_upper_log10(double sum, double mean) {
  ALLMODES_CHECK(mean >= 0 && sum >= 0, "tail of a count {} with mean {}", sum, mean);
  if (sum <= mean) return 0;
  if (mean == 0) return -kInfinity;
  return (sum - mean - sum * std::log(sum / mean)) / kLn10;
}

}  // namespace allmodes::diagnostics
