#pragma once

// Evidence of samples beside reals, and the verdict of it.

#include <utility>
#include <vector>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics::fixture {

constexpr double kSure = -12;  // log10 of p

inline Evidence beside_reals(std::vector<CalibratedFigure> figures) {
  return {.step = 1, .calibrated = std::move(figures)};
}

// With nothing that has to be confirmed.
inline Verdict judged_once(const Evidence& evidence) {
  config::Verdict levels;
  levels.grace_steps = 0;
  levels.confirmations = 1;
  return judge(evidence, {}, levels);
}

inline EmptiedRegion region_of(double share, double made) {
  EmptiedRegion region{.part = {.number = 7, .name = "part 7"}, .classes = {"4"}};
  region.part.share = share;
  region.part.made = made;
  return region;
}

}  // namespace allmodes::diagnostics::fixture
