// Of places with too few samples, though not without any.

#include <fmt/format.h>

#include <algorithm>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kShortage = 0.02;       // of the data, beyond what chance shows
constexpr double kShortElsewhere = 0.5;  // of the shortage: as many too many in other places
// Samples that are drawn together are too many where they are drawn to, though nowhere twice as
// many: then the tail of the surplus is nearly as small as that of the shortage (both in log10).
constexpr double kSureElsewhere = 0.4;
constexpr double kNearlyAsMuch = 0.7;     // of the shortage, for whatever else speaks of lost mass
constexpr double kHardlyAnyThere = 0.25;  // of the share: lost; else short of samples
constexpr double kLostCore = -1.5;        // log10 of p: so is what has such a core
constexpr double kShortThoughOff = 0.05;  // where samples are narrow, or off the data

std::optional<Witness> witness_shortage(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* shortage = calibrated_figure(evidence, "local_shortage");
  const CalibratedFigure* surplus = calibrated_figure(evidence, "local_surplus");
  if (!significant(shortage, levels) || surplus == nullptr || !evidence.shorted)
    return std::nullopt;
  const double least = least_sure_local_loss(evidence);
  // What is said by parts, or of places without samples, is not said again.
  if (lies_away(evidence) || other_detail(evidence) ||
      lies_amid_few_things(*evidence.shorted, evidence) ||
      (mostly_narrow(evidence) && !lacks_places_alone(evidence)) || loses_parts(evidence) ||
      witness_local_loss(evidence, levels))
    return std::nullopt;
  const double excess = shortage->value - shortage->null_median;
  if (excess < std::max(kShortage, least > 0 ? least + kShortThoughOff : 0)) return std::nullopt;
  if (surplus->value - surplus->null_median - repeated_beyond_reals(evidence) >
          kShortElsewhere * excess ||
      surplus->log10_tail < kSureElsewhere * shortage->log10_tail)
    return std::nullopt;
  if (!stays_when_moved(shortage->value, evidence.local_shortage_when_moved, kShortage))
    return std::nullopt;
  const Part& part = evidence.shorted->part;
  const bool lost = part.made < kHardlyAnyThere * part.share || has_lost_core(evidence);
  Witness witness = witness_of_place(
      *evidence.shorted, State::at_risk, lost ? "mode_dropping" : "mode_imbalance",
      fmt::format("about {:.1f} % of the data ({}) there are too few samples: {:.1f} % of them; {}",
                  100 * part.share, part.name, 100 * part.made, below_power(shortage->log10_tail)),
      {"neighbours", "samples in a part", shortage->log10_tail});
  if (evidence.shorted->classes.size() > 1)
    witness.reason += "; of the classes " + list_of(evidence.shorted->classes);
  return witness;
}

}  // namespace

bool has_lost_core(const Evidence& evidence) {
  return evidence.shorted && evidence.shorted->core_log10_tail <= kLostCore;
}

bool as_much_elsewhere(const Evidence& evidence) {
  const CalibratedFigure* shortage = calibrated_figure(evidence, "local_shortage");
  const CalibratedFigure* surplus = calibrated_figure(evidence, "local_surplus");
  return shortage != nullptr && surplus != nullptr && surplus->log10_tail <= kSureSurplus &&
         surplus->value - surplus->null_median >=
             kNearlyAsMuch * (shortage->value - shortage->null_median);
}

// Its test is that of the calibrated figure.
extern const Instrument kShortageInstrument{.name = "shortage",
                                            .tests = [](const Evidence&) -> int64_t { return 0; },
                                            .find = witness_shortage};

}  // namespace allmodes::diagnostics
