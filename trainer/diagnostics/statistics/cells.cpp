#include "diagnostics/statistics/cells.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

// k-means++: each next centre is a sample drawn with probability in proportion to its squared
// distance from the centres so far.
std::vector<float> first_centres(const Features& samples, int64_t cells, Random& random) {
  std::vector<float> centres;
  std::vector<double> distances(static_cast<size_t>(samples.rows()),
                                std::numeric_limits<double>::infinity());
  auto chosen = static_cast<int64_t>(random.below(static_cast<uint64_t>(samples.rows())));
  for (int64_t cell = 0;; ++cell) {
    const auto centre = samples.row(chosen);
    centres.insert(centres.end(), centre.begin(), centre.end());
    if (cell + 1 == cells) return centres;
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
  const auto counts = count_cells(assigned, static_cast<int64_t>(centres.size() / width));
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

std::vector<int64_t> assign_cells(const Features& samples, const Features& centres,
                                  RowRange range) {
  check_features(samples, "samples");
  ALLMODES_CHECK(samples.width == centres.width && centres.rows() >= 1,
                 "rows of {} numbers and {} centres of {}", samples.width, centres.rows(),
                 centres.width);
  check_range(range, samples.rows());
  const auto width = static_cast<size_t>(samples.width);
  const auto cells = static_cast<size_t>(centres.rows());
  // One coordinate of all centres after the other: the inner loop then runs over centres, which
  // compilers make vectors of, and each sum is still added up in the order of squared_distance().
  std::vector<double> by_coordinate(width * cells);
  for (size_t cell = 0; cell < cells; ++cell)
    for (size_t j = 0; j < width; ++j)
      by_coordinate[j * cells + cell] = static_cast<double>(centres.values[cell * width + j]);
  std::vector<int64_t> assigned;
  assigned.reserve(static_cast<size_t>(range.count()));
  std::vector<double> squares(cells);
  for (int64_t row = range.first; row < range.last; ++row) {
    std::ranges::fill(squares, 0.0);
    const auto values = samples.row(row);
    for (size_t j = 0; j < width; ++j) {
      const auto value = static_cast<double>(values[j]);
      const double* of_centres = &by_coordinate[j * cells];
      for (size_t cell = 0; cell < cells; ++cell)
        squares[cell] += (value - of_centres[cell]) * (value - of_centres[cell]);
    }
    assigned.push_back(std::ranges::min_element(squares) - squares.begin());
  }
  return assigned;
}

std::vector<float> fit_cells(const Features& samples, int64_t cells, int64_t rounds,
                             const NoiseKey& key) {
  check_features(samples, "samples");
  ALLMODES_CHECK(1 <= cells && cells <= samples.rows(), "{} cells of {} samples", cells,
                 samples.rows());
  Random random(key);
  std::vector<float> centres = first_centres(samples, cells, random);
  std::vector<int64_t> before;
  for (int64_t round = 0; round < rounds; ++round) {
    auto assigned = assign_cells(samples, {centres, samples.width}, all_rows(samples));
    if (assigned == before) break;
    centres = means_of(samples, assigned, std::move(centres));
    before = std::move(assigned);
  }
  return centres;
}

std::vector<int64_t> count_cells(std::span<const int64_t> assigned, int64_t cells) {
  std::vector<int64_t> counts(static_cast<size_t>(cells), 0);
  for (const int64_t cell : assigned) ++counts.at(static_cast<size_t>(cell));
  return counts;
}

CellScores compare_cells(std::span<const int64_t> reals, std::span<const int64_t> fakes,
                         double level) {
  const auto n = static_cast<double>(std::accumulate(reals.begin(), reals.end(), int64_t{0}));
  const auto m = static_cast<double>(std::accumulate(fakes.begin(), fakes.end(), int64_t{0}));
  ALLMODES_CHECK(reals.size() == fakes.size() && n > 0 && m > 0 && level > 0 && level < 1,
                 "{} and {} cells of {} and {} samples, level {}", reals.size(), fakes.size(), n, m,
                 level);
  const auto all = static_cast<double>(reals.size());
  const double critical = normal_quantile(level / 2);
  const double corrected = normal_quantile(level / all / 2);
  CellScores scores{.cells = std::ssize(reals),
                    .jensen_shannon_floor = (all - 1) / 8 * (1 / n + 1 / m)};
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
