#include "diagnostics/statistics/rank_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {

double rank_sum_log10(std::vector<double> small, std::vector<double> large) {
  std::ranges::sort(small);
  std::ranges::sort(large);
  double ranks = 0;
  double ties = 0;
  const auto value_at = [](const std::vector<double>& values, size_t at) {
    return at < values.size() ? values[at] : std::numeric_limits<double>::infinity();
  };
  for (size_t a = 0, b = 0; a < small.size() || b < large.size();) {
    const double lowest = std::min(value_at(small, a), value_at(large, b));
    const size_t first_a = a, first_b = b;
    while (a < small.size() && small[a] <= lowest) ++a;
    while (b < large.size() && large[b] <= lowest) ++b;
    // Of equals, their mean rank.
    const double rank = 0.5 * static_cast<double>(first_a + first_b + a + b + 1);
    const auto equals = static_cast<double>(a - first_a + b - first_b);
    ties += equals * (equals * equals - 1);
    ranks += static_cast<double>(a - first_a) * rank;
  }
  const auto n = static_cast<double>(small.size());
  const auto m = static_cast<double>(large.size());
  const double mean = 0.5 * n * (n + m + 1);
  const double variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  return variance > 0 ? normal_upper_log10((mean - ranks) / std::sqrt(variance)) : 0.0;
}

}  // namespace allmodes::diagnostics
