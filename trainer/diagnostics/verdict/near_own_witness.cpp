// Of samples that lie far nearer to one another than they and reals do, though not nearly equal.

#include <fmt/format.h>

#include <algorithm>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kMuchNearer = 0.04;  // of the samples, beyond the reals' share
constexpr double kMostNearer = 0.5;   // the same, for a collapse

std::optional<Witness> witness_near_own(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* near = calibrated_figure(evidence, "near_own");
  if (!significant(near, levels) || !evidence.repeated || lies_away(evidence) ||
      other_detail(evidence))
    return std::nullopt;
  const double excess = value_over_null(evidence, "near_own");
  // What is said of nearly equal samples, or of clumps, is not said again; nor are rows of the data
  // that were handed back, some of them twice, copies of each other.
  if (excess < kMuchNearer || witness_repeated(evidence, levels) ||
      witness_clumps(evidence, levels) ||
      (handed_back(evidence) &&
       (witness_copied(evidence, levels) || witness_trained(evidence, levels))))
    return std::nullopt;
  const RepeatedThings& found = *evidence.repeated;
  return witness_of_copies(
      found,
      fmt::format(
          "{:.1f} % of the samples more than of the reals lie far nearer to two others than "
          "to data: they are {:.0f} things in many copies; {}",
          100 * excess, std::max(1.0, found.things), below_power(near->log10_tail)),
      excess >= kMostNearer, measured_of("samples in copies", *near));
}

}  // namespace

// Its test is that of the calibrated figure.
extern const Instrument kNearOwnInstrument{.name = "near own",
                                           .tests = [](const Evidence&) -> int64_t { return 0; },
                                           .find = witness_near_own};

}  // namespace allmodes::diagnostics
