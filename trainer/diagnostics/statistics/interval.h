#pragma once

// Intervals of figures, and how each was found. Torch-free.

#include <cstdint>
#include <span>
#include <string>

namespace allmodes::diagnostics {

// 99 %.
struct Interval {
  double low = 0;
  double high = 0;
  std::string method = {};
};

// Of a share, from so many of so many: Clopper and Pearson 1934. trials >= 1.
Interval interval_of_share(int64_t count, int64_t trials);

// Rows are cut into so many groups, in their order; the figure is made anew without each of them.
inline constexpr int kJackknifeGroups = 10;

// `left_out` [kJackknifeGroups]: the figure without each group. The delete-a-group jackknife (Shao,
// Wu 1989) with Student's law of nine degrees of freedom.
Interval interval_of_jackknife(double value, std::span<const double> left_out);

// `parts` [kJackknifeGroups]: the figure of as many sets that have nothing in common, each of which
// has `share` of the rows that the figure itself has: by their deviation, which falls with the root
// of the rows, and Student's law of nine degrees of freedom.
Interval interval_of_parts(double value, std::span<const double> parts, double share);

// What the figure of N rows tends to for ever more of them, where its bias goes as 1 / N: the
// jackknife's estimate (Quenouille 1956), g value - (g - 1) mean of those without a group.
double without_bias(double value, std::span<const double> left_out);

// As wide as `draws` of the figure are, about the value, by their deviation. `method`: what was
// drawn. At least two draws.
Interval interval_of_draws(double value, std::span<const double> draws, std::string method);

// Within the figure's own range.
Interval clamped(Interval interval, double lowest, double highest);

}  // namespace allmodes::diagnostics
