#include "diagnostics/modes/part_width.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "diagnostics/statistics/distributions.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/principal.h"
#include "diagnostics/statistics/rank_sum.h"
#include "diagnostics/statistics/small_matrix.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kMostDirections = 16;
constexpr double kVarianceKept = 0.5;

// Orthonormal directions of the rows about 0, and the variance along each, largest first.
struct Spectrum {
  std::vector<double> directions;  // [n][width]
  std::vector<double> variances;   // [n]
  double total = 0;
};

Spectrum spectrum_of(const std::vector<float>& rows, int64_t width) {
  const auto w = static_cast<size_t>(width);
  const size_t count = rows.size() / w;
  Spectrum spectrum;
  for (const float value : rows)
    spectrum.total += static_cast<double>(value) * static_cast<double>(value);
  spectrum.total /= static_cast<double>(count);
  if (width <= kMostDirections) {
    std::vector<double> covariance(w * w, 0.0);
    for (size_t i = 0; i < count; ++i)
      for (size_t a = 0; a < w; ++a)
        for (size_t b = 0; b < w; ++b)
          covariance[a * w + b] += static_cast<double>(rows[i * w + a]) *
                                   static_cast<double>(rows[i * w + b]) /
                                   static_cast<double>(count);
    Eigen found = eigen(std::move(covariance), width);
    return {std::move(found.vectors), std::move(found.values), spectrum.total};
  }
  const Projection projection = principal_projection(
      rows, width, kMostDirections, {.seed = 1, .purpose = Purpose("directions within parts")});
  const std::vector<float> along = project(projection, rows);
  const auto dimensions = static_cast<size_t>(projection.dimensions);
  std::vector<double> variances(dimensions, 0.0);
  for (size_t i = 0; i < along.size(); ++i)
    variances[i % dimensions] +=
        static_cast<double>(along[i]) * static_cast<double>(along[i]) / static_cast<double>(count);
  std::vector<size_t> order(dimensions);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](size_t d) { return variances[d]; });
  for (const size_t d : order) {
    spectrum.variances.push_back(variances[d]);
    const auto from = projection.directions.begin() + static_cast<std::ptrdiff_t>(d * w);
    spectrum.directions.insert(spectrum.directions.end(), from, from + width);
  }
  return spectrum;
}

std::vector<double> values_along(const std::vector<double>& directions, const Features& rows) {
  const auto w = static_cast<size_t>(rows.width);
  const size_t dimensions = directions.size() / w;
  std::vector<double> found;
  for (int64_t row = 0; row < rows.rows(); ++row) {
    const auto values = rows.row(row);
    for (size_t d = 0; d < dimensions; ++d) {
      double sum = 0;
      for (size_t j = 0; j < w; ++j) sum += directions[d * w + j] * static_cast<double>(values[j]);
      found.push_back(sum);
    }
  }
  return found;
}

// Squared distances of some rows [..][dimensions] from `middle`.
std::vector<double> squares_about(const double* middle, const std::vector<double>& rows,
                                  size_t dimensions, const std::vector<size_t>& chosen) {
  std::vector<double> squares;
  for (const size_t row : chosen) {
    double square = 0;
    for (size_t d = 0; d < dimensions; ++d) {
      const double offset = rows[row * dimensions + d] - middle[d];
      square += offset * offset;
    }
    squares.push_back(square);
  }
  return squares;
}

// The nodes of the tree cut into `count` parts, the last merges undone first.
std::vector<int64_t> cut_into(const PartTree& tree, int64_t count) {
  std::vector<int64_t> cut = {tree.whole()};
  while (std::ssize(cut) < count) {
    const auto latest = std::ranges::max_element(cut);
    const int64_t mother = *latest;
    if (mother < tree.leaves()) break;  // only leaves are left
    cut.erase(latest);
    for (int64_t node = 0; node < mother; ++node)
      if (tree.mother[static_cast<size_t>(node)] == mother) cut.push_back(node);
  }
  return cut;
}

std::vector<std::vector<size_t>> rows_by_leaf(const std::vector<int64_t>& leaf, int64_t leaves) {
  std::vector<std::vector<size_t>> rows(static_cast<size_t>(leaves));
  for (size_t i = 0; i < leaf.size(); ++i) rows[static_cast<size_t>(leaf[i])].push_back(i);
  return rows;
}

std::vector<size_t> joined(const std::vector<std::vector<size_t>>& by_leaf,
                           const std::vector<int64_t>& leaves) {
  std::vector<size_t> rows;
  for (const int64_t leaf : leaves) {
    const auto& part = by_leaf[static_cast<size_t>(leaf)];
    rows.insert(rows.end(), part.begin(), part.end());
  }
  return rows;
}

// Rows along the directions, and which of them are in each leaf.
struct SortedRows {
  const PartReference::Half& half;
  size_t dimensions;
  const std::vector<double>& reals;
  const std::vector<double>& samples;
  const std::vector<std::vector<size_t>>& reals_by_leaf;
  const std::vector<std::vector<size_t>>& samples_by_leaf;
};

void add_cut(PartWidths& widths, int64_t parts, const SortedRows& rows) {
  const PartTree& tree = rows.half.tree;
  std::vector<double> of_reals;
  std::vector<double> of_samples;
  for (const int64_t node : cut_into(tree, parts)) {
    const auto at = static_cast<size_t>(node);
    const auto real = joined(rows.reals_by_leaf, tree.members[at]);
    const auto made = joined(rows.samples_by_leaf, tree.members[at]);
    if (std::ssize(real) < kFewestInCut || std::ssize(made) < kFewestInCut) continue;
    const double* middle = &rows.half.middles[at * rows.dimensions];
    const auto real_squares = squares_about(middle, rows.reals, rows.dimensions, real);
    const auto sample_squares = squares_about(middle, rows.samples, rows.dimensions, made);
    // A unit of both, so that equal distributions are exchangeable.
    std::vector<double> both = real_squares;
    both.insert(both.end(), sample_squares.begin(), sample_squares.end());
    const double unit = diagnostics::median(std::move(both));
    if (!(unit > 0)) continue;
    for (const double square : real_squares) of_reals.push_back(square / unit);
    for (const double square : sample_squares) of_samples.push_back(square / unit);
  }
  if (std::ssize(of_reals) < kFewestForWidth || std::ssize(of_samples) < kFewestForWidth) return;
  const double tail = rank_sum_log10(of_samples, of_reals);
  const double scale = diagnostics::median(of_reals);
  if (tail >= widths.cut_log10_tail || !(scale > 0)) return;
  widths.cut_log10_tail = tail;
  widths.cut_width = diagnostics::median(of_samples) / scale;
}

}  // namespace

Cloud cloud_of(const Features& rows, const std::vector<int64_t>& chosen) {
  Cloud cloud{.mean = std::vector<double>(static_cast<size_t>(rows.width), 0.0)};
  const auto count = static_cast<double>(std::max<size_t>(1, chosen.size()));
  for (const int64_t row : chosen)
    for (size_t j = 0; j < cloud.mean.size(); ++j)
      cloud.mean[j] += static_cast<double>(rows.row(row)[j]) / count;
  for (const int64_t row : chosen)
    for (size_t j = 0; j < cloud.mean.size(); ++j) {
      const double offset = static_cast<double>(rows.row(row)[j]) - cloud.mean[j];
      cloud.variance += offset * offset / count;
    }
  return cloud;
}

std::vector<float> gathered_rows(const Features& rows, const std::vector<int64_t>& chosen) {
  std::vector<float> found;
  for (const int64_t row : chosen) {
    const auto values = rows.row(row);
    found.insert(found.end(), values.begin(), values.end());
  }
  return found;
}

std::vector<double> leading_directions(const PartTree& tree, const Features& rows,
                                       const std::vector<int64_t>& leaf) {
  std::vector<float> residuals(rows.values.begin(), rows.values.end());
  const auto w = static_cast<size_t>(rows.width);
  for (const auto& in_leaf : rows_by_leaf(leaf, tree.leaves())) {
    const std::vector<int64_t> chosen(in_leaf.begin(), in_leaf.end());
    const Cloud cloud = cloud_of(rows, chosen);
    for (const size_t row : in_leaf)
      for (size_t j = 0; j < w; ++j) residuals[row * w + j] -= static_cast<float>(cloud.mean[j]);
  }
  Spectrum spectrum = spectrum_of(residuals, rows.width);
  size_t kept = 0;
  for (double sum = 0; kept < spectrum.variances.size();) {
    sum += spectrum.variances[kept++];
    if (sum >= kVarianceKept * spectrum.total) break;
  }
  spectrum.directions.resize(kept * w);
  return std::move(spectrum.directions);
}

std::vector<double> node_middles(const PartTree& tree, const std::vector<double>& directions,
                                 const Features& rows, const std::vector<int64_t>& leaf) {
  const size_t dimensions = directions.size() / static_cast<size_t>(rows.width);
  const auto values = values_along(directions, rows);
  const auto by_leaf = rows_by_leaf(leaf, tree.leaves());
  std::vector<double> middles;
  for (const auto& members : tree.members) {
    const auto chosen = joined(by_leaf, members);
    for (size_t d = 0; d < dimensions; ++d) {
      std::vector<double> column;
      for (const size_t row : chosen) column.push_back(values[row * dimensions + d]);
      middles.push_back(column.empty() ? 0 : diagnostics::median(std::move(column)));
    }
  }
  return middles;
}

double PartWidths::median(const PartReference::Half& half) const {
  std::vector<std::pair<double, double>> by_width;  // with its weight
  double total = 0;
  for (size_t node = 0; node + 1 < width.size(); ++node) {
    if (log10_tail[node] == 0 && width[node] == 1) continue;
    by_width.emplace_back(width[node], static_cast<double>(half.in_node[node]));
    total += by_width.back().second;
  }
  std::ranges::sort(by_width);
  double below = 0;
  for (const auto& [value, weight] : by_width) {
    below += weight;
    if (below >= 0.5 * total) return value;
  }
  return 1;
}

PartWidths part_widths(const PartReference& reference, const PartReference::Half& half,
                       const Features& samples, const std::vector<int64_t>& leaf_of_sample) {
  const Features all_reals{reference.reals, reference.width};
  const std::vector<float> counted = gathered_rows(all_reals, half.counted);
  const size_t dimensions = half.directions.size() / static_cast<size_t>(reference.width);
  const auto real_rows = values_along(half.directions, {counted, reference.width});
  const auto sample_rows = values_along(half.directions, samples);
  const auto reals_by_leaf = rows_by_leaf(half.leaf, half.tree.leaves());
  const auto samples_by_leaf = rows_by_leaf(leaf_of_sample, half.tree.leaves());
  PartWidths widths{.width = std::vector<double>(half.tree.mother.size(), 1.0),
                    .log10_tail = std::vector<double>(half.tree.mother.size(), 0.0)};
  for (size_t node = 0; node < half.tree.mother.size(); ++node) {
    const auto reals = joined(reals_by_leaf, half.tree.members[node]);
    const auto made = joined(samples_by_leaf, half.tree.members[node]);
    if (std::ssize(reals) < kFewestForWidth || std::ssize(made) < kFewestForWidth) continue;
    // About a middle that neither of the two has set, so that both have one law when equal.
    const double* middle = &half.middles[node * dimensions];
    const auto of_reals = squares_about(middle, real_rows, dimensions, reals);
    const auto of_samples = squares_about(middle, sample_rows, dimensions, made);
    const double scale = diagnostics::median(of_reals);
    if (!(scale > 0)) continue;
    widths.width[node] = diagnostics::median(of_samples) / scale;
    widths.log10_tail[node] = rank_sum_log10(of_samples, of_reals);
  }
  const SortedRows sorted{half, dimensions, real_rows, sample_rows, reals_by_leaf, samples_by_leaf};
  for (int64_t cut = 0; cut < kCuts; ++cut) add_cut(widths, int64_t{4} << cut, sorted);
  return widths;
}

}  // namespace allmodes::diagnostics
