#include "diagnostics/metrics/cells.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

// k-means++: each next centre is a sample drawn with probability in proportion to its squared
// distance from the centres so far.
std::vector<float> first_centres(const Features& samples, int64_t bins, Random& random) {
  std::vector<float> centres;
  std::vector<double> distances(static_cast<size_t>(samples.rows()),
                                std::numeric_limits<double>::infinity());
  auto chosen = static_cast<int64_t>(random.below(static_cast<uint64_t>(samples.rows())));
  for (int64_t bin = 0;; ++bin) {
    const auto centre = samples.row(chosen);
    centres.insert(centres.end(), centre.begin(), centre.end());
    if (bin + 1 == bins) return centres;
    double total = 0;
    for (int64_t row = 0; row < samples.rows(); ++row) {
      double& distance = distances[static_cast<size_t>(row)];
      distance = std::min(distance, squared_distance(samples.row(row), centre));
      total += distance;
    }
    double left = random.uniform() * total;
    chosen = 0;
    while (chosen + 1 < samples.rows() && left >= distances[static_cast<size_t>(chosen)])
      left -= distances[static_cast<size_t>(chosen++)];
  }
}

std::vector<float> means_of(const Features& samples, const std::vector<int64_t>& assigned,
                            std::vector<float> centres) {
  const auto width = static_cast<size_t>(samples.width);
  std::vector<double> sums(centres.size(), 0);
  const auto counts = count_bins(assigned, static_cast<int64_t>(centres.size() / width));
  for (int64_t row = 0; row < samples.rows(); ++row) {
    const auto values = samples.row(row);
    double* sum = sums.data() + static_cast<size_t>(assigned[static_cast<size_t>(row)]) * width;
    for (size_t i = 0; i < width; ++i) sum[i] += static_cast<double>(values[i]);
  }
  for (size_t i = 0; i < centres.size(); ++i)
    if (counts[i / width] > 0)
      centres[i] = static_cast<float>(sums[i] / static_cast<double>(counts[i / width]));
  return centres;
}

// x ln(x / mean), and 0 for x = 0.
double relative_entropy_term(double x, double mean) {
  return x > 0 ? x * std::log(x / mean) : 0.0;
}

}  // namespace

std::vector<int64_t> assign_bins(const Features& samples, const Features& centres, RowRange range) {
  check_features(samples, "samples");
  std::vector<int64_t> assigned(static_cast<size_t>(range.count()), 0);
  std::vector<double> best(assigned.size(), std::numeric_limits<double>::infinity());
  for_each_distance_block(samples, range, centres, [&](const DistanceBlock& block) {
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      const auto at = static_cast<size_t>(row - range.first);
      const float* values = block.row(row);
      const double error = block.error_of(row);
      // Only centres that may be the nearest are looked at exactly.
      const auto nearest =
          static_cast<double>(*std::min_element(values, values + block.columns.count()));
      for (int64_t i = 0; i < block.columns.count(); ++i) {
        if (static_cast<double>(values[i]) > nearest + 2 * error) continue;
        const int64_t centre = block.columns.first + i;
        const double distance = squared_distance(samples.row(row), centres.row(centre));
        if (distance >= best[at]) continue;
        best[at] = distance;
        assigned[at] = centre;
      }
    }
  });
  return assigned;
}

std::vector<float> fit_bins(const Features& samples, int64_t bins, int64_t rounds,
                            const NoiseKey& key) {
  check_features(samples, "samples");
  ALLMODES_CHECK(1 <= bins && bins <= samples.rows(), "{} bins of {} samples", bins,
                 samples.rows());
  Random random(key);
  std::vector<float> centres = first_centres(samples, bins, random);
  std::vector<int64_t> before;
  for (int64_t round = 0; round < rounds; ++round) {
    auto assigned = assign_bins(samples, {centres, samples.width}, all_rows(samples));
    if (assigned == before) break;
    centres = means_of(samples, assigned, std::move(centres));
    before = std::move(assigned);
  }
  return centres;
}

std::vector<int64_t> count_bins(std::span<const int64_t> assigned, int64_t bins) {
  std::vector<int64_t> counts(static_cast<size_t>(bins), 0);
  for (const int64_t bin : assigned) ++counts.at(static_cast<size_t>(bin));
  return counts;
}

BinScores compare_bins(std::span<const int64_t> reals, std::span<const int64_t> fakes,
                       double level) {
  const auto n = static_cast<double>(std::accumulate(reals.begin(), reals.end(), int64_t{0}));
  const auto m = static_cast<double>(std::accumulate(fakes.begin(), fakes.end(), int64_t{0}));
  ALLMODES_CHECK(reals.size() == fakes.size() && n > 0 && m > 0 && level > 0 && level < 1,
                 "{} and {} bins of {} and {} samples, level {}", reals.size(), fakes.size(), n, m,
                 level);
  const auto bins = static_cast<double>(reals.size());
  const double critical = normal_quantile(level / 2);
  const double corrected = normal_quantile(level / bins / 2);
  BinScores scores{.bins = static_cast<int64_t>(reals.size()),
                   .jensen_shannon_floor = (bins - 1) / 8 * (1 / n + 1 / m)};
  for (size_t i = 0; i < reals.size(); ++i) {
    const double p = static_cast<double>(reals[i]) / n;
    const double q = static_cast<double>(fakes[i]) / m;
    const double pooled = static_cast<double>(reals[i] + fakes[i]) / (n + m);
    const double deviation = std::sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
    const double z = deviation > 0 ? std::abs(p - q) / deviation : 0.0;
    scores.different += z > critical ? 1 : 0;
    scores.different_corrected += z > corrected ? 1 : 0;
    const double middle = (p + q) / 2;
    scores.jensen_shannon +=
        (relative_entropy_term(p, middle) + relative_entropy_term(q, middle)) / 2;
  }
  return scores;
}

}  // namespace allmodes::diagnostics
