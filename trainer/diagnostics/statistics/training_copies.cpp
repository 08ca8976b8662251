#include "diagnostics/statistics/training_copies.h"

#include <algorithm>
#include <cmath>

#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

double near_log10_tail(const TrainingCopies& figures, const TrainingCopies::Near& near) {
  return hypergeometric_lower_log10(near.held_out, figures.held_out, near.samples + near.held_out,
                                    figures.samples + figures.held_out);
}

// `usual` of the samples that are not learnt by heart are near, too.
double beyond(double near, double usual) {
  return usual < 1 ? std::clamp((near - usual) / (1 - usual), 0.0, 1.0) : 0.0;
}

}  // namespace

double training_copies_log10_tail(const TrainingCopies& figures) {
  double least = 0;
  for (const auto& near : figures.near) least = std::min(least, near_log10_tail(figures, near));
  return std::min(0.0, least + std::log10(static_cast<double>(figures.near.size())));
}

LearntShare learnt_share(const TrainingCopies& figures) {
  if (figures.near.empty() || figures.samples == 0 || figures.held_out == 0) return {};
  const auto worst = std::ranges::min_element(
      figures.near, {}, [&](const auto& near) { return near_log10_tail(figures, near); });
  constexpr double kTail = 0.0025;  // of each of two bounds at either end
  const double usual = static_cast<double>(worst->held_out) / static_cast<double>(figures.held_out);
  const double seen = static_cast<double>(worst->samples) / static_cast<double>(figures.samples);
  return {.share = beyond(seen, usual),
          .low = beyond(binomial_lower_bound(worst->samples, figures.samples, kTail),
                        binomial_upper_bound(worst->held_out, figures.held_out, kTail)),
          .high = beyond(binomial_upper_bound(worst->samples, figures.samples, kTail),
                         binomial_lower_bound(worst->held_out, figures.held_out, kTail)),
          .near = *worst};
}

}  // namespace allmodes::diagnostics
