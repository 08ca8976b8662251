#pragma once

// Tails and quantiles of the distributions that the verdict's tests of significance need. Double
// precision; every function throws ExitCode::kSoftware for an argument outside its stated range.

#include <cstdint>

namespace allmodes::diagnostics {

// log10 P(X <= successes) for X ~ Binomial(trials, probability): the exact sum, in logarithms, so
// that a tail of 1e-3000 is still a number. Absolute error below 1e-9 for up to a million trials.
// trials >= 0, probability in [0, 1]; successes < 0 gives -infinity, successes >= trials gives 0.
double binomial_lower_log10(int64_t successes, int64_t trials, double probability);

// log10 P(X <= drawn) for X hypergeometric: how many of `marked` things are among `draws` taken
// from `all` without putting back. The exact sum, in logarithms. 0 <= marked, draws <= all; drawn
// below the smallest possible number gives -infinity, at the largest or above it 0.
double hypergeometric_lower_log10(int64_t drawn, int64_t draws, int64_t marked, int64_t all);

// Clopper-Pearson bounds on the probability of a binomial of which `successes` of `trials` came:
// the p at which so many or more (so few or fewer) have the probability `tail`, in (0, 1/2). Lower
// 0 for no success, upper 1 for no failure; trials >= 1. To 1e-12.
double binomial_lower_bound(int64_t successes, int64_t trials, double tail);
double binomial_upper_bound(int64_t successes, int64_t trials, double tail);

// log10 P(X > x) for X ~ N(0, 1), also where that is below what a double holds.
double normal_upper_log10(double x);

// Regularized upper incomplete gamma function Q(shape, x), in [0, 1]; shape > 0, x >= 0. Series
// below shape + 1 and Lentz' continued fraction above (Numerical Recipes, section 6.2).
double gamma_upper(double shape, double x);

// P(X > x) for X ~ chi-square with `degrees` degrees of freedom; degrees > 0.
double chi_square_upper(double x, double degrees);

// The x with P(X > x) = upper_tail for X ~ chi-square; degrees > 0, upper_tail in (0, 1).
// Relative error below 1e-12.
double chi_square_quantile(double upper_tail, double degrees);

// The x with P(X > x) = upper_tail for X ~ N(0, 1); upper_tail in (0, 1).
double normal_quantile(double upper_tail);

// log10 of a bound on P(S >= sum), where S is a sum of independent or negatively associated 0/1
// variables with the given mean (Chernoff: exp(sum - mean - sum ln(sum / mean))). 0 when sum <=
// mean. The unseen modes of a multinomial sample are negatively associated (Dubhashi and Ranjan,
// "Balls and bins: a study in negative dependence", 1998). mean >= 0.
double poisson_binomial_upper_log10(double sum, double mean);

}  // namespace allmodes::diagnostics
