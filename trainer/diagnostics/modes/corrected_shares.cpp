#include "diagnostics/modes/corrected_shares.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr int kRounds = 1000;
constexpr double kSettled = 1e-7;

// Columns of the confusion as probabilities.
std::vector<std::vector<double>> taken_for(const Confusion& confusion) {
  const size_t classes = confusion.size();
  std::vector<std::vector<double>> p(classes, std::vector<double>(classes, 0));
  for (size_t k = 0; k < classes; ++k) {
    double all = 0.5;
    for (size_t j = 0; j < classes; ++j) all += static_cast<double>(confusion[j][k]);
    for (size_t j = 0; j < classes; ++j)
      p[j][k] = (static_cast<double>(confusion[j][k]) + (j == k ? 0.5 : 0.0)) / all;
  }
  return p;
}

}  // namespace

std::vector<double> corrected_shares(const Confusion& confusion, const std::vector<int64_t>& seen) {
  const size_t classes = confusion.size();
  ALLMODES_CHECK(classes > 0 && seen.size() == classes, "{} classes seen of {}", seen.size(),
                 classes);
  const auto p = taken_for(confusion);
  const auto total = static_cast<double>(std::accumulate(seen.begin(), seen.end(), int64_t{0}));
  std::vector<double> share(classes, 1.0 / static_cast<double>(classes));
  for (int round = 0; round < kRounds && total > 0; ++round) {
    std::vector<double> next(classes, 0);
    for (size_t j = 0; j < classes; ++j) {
      double all = 0;
      for (size_t k = 0; k < classes; ++k) all += p[j][k] * share[k];
      if (seen[j] == 0 || !(all > 0)) continue;
      for (size_t k = 0; k < classes; ++k)
        next[k] += static_cast<double>(seen[j]) / total * p[j][k] * share[k] / all;
    }
    double moved = 0;
    for (size_t k = 0; k < classes; ++k) moved = std::max(moved, std::abs(next[k] - share[k]));
    share = std::move(next);
    if (moved < kSettled) break;
  }
  return share;
}

}  // namespace allmodes::diagnostics
