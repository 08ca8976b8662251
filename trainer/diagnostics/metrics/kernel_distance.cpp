#include "diagnostics/metrics/kernel_distance.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"

namespace allmodes::diagnostics {
namespace {

constexpr size_t kGroups = kJackknifeGroups;

RowRange group_of(int64_t rows, size_t group) {
  return rows_of_rank(rows, static_cast<int>(group), kJackknifeGroups);
}

std::vector<RowRange> groups_of(int64_t rows) {
  std::vector<RowRange> groups;
  for (size_t group = 0; group < kGroups; ++group) groups.push_back(group_of(rows, group));
  return groups;
}

// Over rows i of the range and all j, by their groups; `same`: both are one set, and i = j is left
// out.
std::vector<double> sums_of_kernel(const Features& x, RowRange range, const Features& y,
                                   bool same) {
  const double scale = 1.0 / static_cast<double>(x.width);
  const auto rows = groups_of(x.rows());
  const auto columns = groups_of(y.rows());
  std::vector<double> sums(kGroups * kGroups, 0);
  for_each_product_block(x, range, y, [&](const ProductBlock& block) {
    size_t of_row = 0;
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      while (row >= rows[of_row].last) ++of_row;
      const double* values = block.row(row);
      for (size_t group = 0; group < kGroups; ++group) {
        const int64_t first = std::max(columns[group].first, block.columns.first);
        const int64_t last = std::min(columns[group].last, block.columns.last);
        double sum = 0;
        for (int64_t column = first; column < last; ++column) {
          const double base = values[column - block.columns.first] * scale + 1;
          sum += base * base * base;
        }
        if (same && first <= row && row < last) {
          const double base = values[row - block.columns.first] * scale + 1;
          sum -= base * base * base;
        }
        sums[of_row * kGroups + group] += sum;
      }
    }
  });
  return sums;
}

double total_of(const std::vector<double>& sums) {
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Over pairs of which neither row is of the group.
double total_but(const std::vector<double>& sums, size_t group) {
  double sum = 0;
  for (size_t i = 0; i < kGroups; ++i)
    for (size_t j = 0; j < kGroups; ++j)
      if (i != group && j != group) sum += sums[i * kGroups + j];
  return sum;
}

double distance_of(double within_reals, double within_fakes, double between, int64_t reals,
                   int64_t fakes) {
  ALLMODES_CHECK(reals >= 2 && fakes >= 2, "{} reals and {} fakes", reals, fakes);
  const auto n = static_cast<double>(reals);
  const auto m = static_cast<double>(fakes);
  return within_reals / (n * (n - 1)) + within_fakes / (m * (m - 1)) - 2 * between / (n * m);
}

}  // namespace

KernelSums kernel_sums(const Features& reals, const Features& fakes, RowRange real_range,
                       RowRange fake_range) {
  check_features(reals, "real samples");
  check_features(fakes, "generated samples");
  return {.within_reals = sums_of_kernel(reals, real_range, reals, true),
          .within_fakes = sums_of_kernel(fakes, fake_range, fakes, true),
          .between = sums_of_kernel(fakes, fake_range, reals, false)};
}

double kernel_distance(const KernelSums& sums, int64_t reals, int64_t fakes) {
  return distance_of(total_of(sums.within_reals), total_of(sums.within_fakes),
                     total_of(sums.between), reals, fakes);
}

double kernel_effect(const KernelSums& sums, int64_t reals, int64_t fakes) {
  const double distance = kernel_distance(sums, reals, fakes);
  const auto n = static_cast<double>(reals), m = static_cast<double>(fakes);
  const double within = 0.5 * (total_of(sums.within_reals) / (n * (n - 1)) +
                               total_of(sums.within_fakes) / (m * (m - 1)));
  return within > 0 ? distance / within : 0;
}

std::vector<double> kernel_distances_without(const KernelSums& sums, int64_t reals, int64_t fakes) {
  std::vector<double> distances;
  for (size_t group = 0; group < kGroups; ++group)
    distances.push_back(
        distance_of(total_but(sums.within_reals, group), total_but(sums.within_fakes, group),
                    total_but(sums.between, group), reals - group_of(reals, group).count(),
                    fakes - group_of(fakes, group).count()));
  return distances;
}

}  // namespace allmodes::diagnostics
