#pragma once

// Tails and quantiles of the distributions that the verdict's tests of significance need. Double
// precision; every function throws ExitCode::kSoftware for an argument outside its stated range.

#include <cstdint>

namespace allmodes::diagnostics {

// log10 P(X <= successes) for X ~ Binomial(trials, probability): the exact sum, in logarithms, so
// that a tail of 1e-3000 is still a number. Absolute error below 1e-9 for up to a million trials.
// trials >= 0, probability in [0, 1]; successes < 0 gives -infinity, successes >= trials gives 0.
double binomial_lower_log10(int64_t successes, int64_t trials, double probability);

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
