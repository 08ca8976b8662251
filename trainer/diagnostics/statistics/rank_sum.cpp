#include "diagnostics/statistics/rank_sum.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {

double rank_sum_log10(const std::vector<double>& small, const std::vector<double>& large) {
  std::vector<std::pair<double, int>> all;
  for (const double value : small) all.emplace_back(value, 0);
  for (const double value : large) all.emplace_back(value, 1);
  std::ranges::sort(all);
  double ranks = 0;
  double ties = 0;
  for (size_t first = 0; first < all.size();) {
    size_t end = first;
    while (end < all.size() && all[end].first == all[first].first) ++end;
    const double rank = 0.5 * static_cast<double>(first + end + 1);  // of equals, their mean
    const auto equals = static_cast<double>(end - first);
    ties += equals * (equals * equals - 1);
    for (; first < end; ++first)
      if (all[first].second == 0) ranks += rank;
  }
  const auto n = static_cast<double>(small.size());
  const auto m = static_cast<double>(large.size());
  const double mean = 0.5 * n * (n + m + 1);
  const double variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  return variance > 0 ? normal_upper_log10((mean - ranks) / std::sqrt(variance)) : 0.0;
}

}  // namespace allmodes::diagnostics
