// Of samples that lie far nearer to one another than they and reals do, though not nearly equal.

#include <fmt/format.h>

#include <algorithm>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kMuchNearer = 0.04;  // of the samples, beyond the reals' share
constexpr double kMostNearer = 0.5;   // the same, for a collapse
constexpr double kOneThingCopied = 3;

std::optional<Witness> witness_near_own(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* near = calibrated_figure(evidence, "near_own");
  if (!significant(near, levels) || !evidence.repeated || lies_away(evidence) ||
      other_detail(evidence))
    return std::nullopt;
  const double excess = near->value - near->null_median;
  // What is said of nearly equal samples, or of clumps, is not said again; nor are rows of the data
  // that were handed back, some of them twice, copies of each other.
  if (excess < kMuchNearer || witness_repeated(evidence, levels) ||
      witness_clumps(evidence, levels) ||
      (handed_back(evidence) &&
       (witness_copied(evidence, levels) || witness_trained(evidence, levels))))
    return std::nullopt;
  const RepeatedThings& found = *evidence.repeated;
  std::string reason = fmt::format(
      "{:.1f} % of the samples more than of the reals lie far nearer to two others than to data: "
      "they are {:.0f} things in many copies; {}",
      100 * excess, std::max(1.0, found.things), below_power(near->log10_tail));
  if (!found.classes.empty()) reason += "; mostly " + list_of(found.classes);
  return Witness{excess >= kMostNearer ? State::collapsed : State::at_risk,
                 found.things <= kOneThingCopied ? "duplicates" : "within_mode_collapse",
                 reason,
                 {"neighbours"},
                 /*proof=*/false,
                 found.classes,
                 {.what = "samples in copies",
                  .found = fmt::format("{:.3g}", near->value),
                  .expected = fmt::format("{:.3g}", near->null_median),
                  .log10_p = near->log10_tail}};
}

}  // namespace

// Its test is that of the calibrated figure.
extern const Instrument kNearOwnInstrument{.name = "near own",
                                           .tests = [](const Evidence&) -> int64_t { return 0; },
                                           .find = witness_near_own};

}  // namespace allmodes::diagnostics
