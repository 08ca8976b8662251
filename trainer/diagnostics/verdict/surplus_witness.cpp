// Of a place that has too many of the samples, while all others have theirs: a group or a category
// that is made too often.

#include <fmt/format.h>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kSurplus = 0.05;          // of the samples, beyond what chance shows
constexpr double kLackingElsewhere = 0.2;  // of the surplus
constexpr double kWideEnough = 0.85;       // within parts, over the data's variance
constexpr double kLiesOnData = 0.95;       // of the null of precision
constexpr double kReachesData = 0.85;  // of the null of recall: elsewhere there are fewer samples
constexpr double kRepeatedThereof = 0.2;  // of the surplus
constexpr double kTimesTheShare = 1.3;    // of the data in the place

}  // namespace

bool crowds_a_place_alone(const Evidence& evidence) {
  const CalibratedFigure* surplus = calibrated_figure(evidence, "local_surplus");
  if (surplus == nullptr || surplus->log10_tail > kSureSurplus || !evidence.crowded) return false;
  const double excess = surplus->value - surplus->null_median;
  const Part& part = evidence.crowded->part;
  if (excess < kSurplus || part.made < kTimesTheShare * part.share ||
      (evidence.parts && evidence.parts->width < kWideEnough))
    return false;
  // What is drawn together, moved or distorted is too little in as many other places.
  for (const char* name : {"local_shortage", "local_loss"}) {
    const CalibratedFigure* lacking = calibrated_figure(evidence, name);
    if (lacking != nullptr && lacking->log10_tail <= kSureSurplus &&
        value_over_null(evidence, name) > kLackingElsewhere * excess)
      return false;
  }
  for (const char* name : {"precision", "on_data"})
    if (over_null(calibrated_figure(evidence, name)) < kLiesOnData) return false;
  if (over_null(calibrated_figure(evidence, "recall")) < kReachesData) return false;
  return repeated_beyond_reals(evidence) <= kRepeatedThereof * excess;
}

namespace {

std::optional<Witness> witness_surplus(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* surplus = calibrated_figure(evidence, "local_surplus");
  if (!significant(surplus, levels) || !crowds_a_place_alone(evidence)) return std::nullopt;
  const Part& part = evidence.crowded->part;
  return witness_of_place(
      *evidence.crowded, State::at_risk, "mode_imbalance",
      fmt::format("where {:.1f} % of the data lie ({}) there are too many samples: {:.1f} % of "
                  "them ({:.1f} to {:.1f}, 99 %); {}",
                  100 * part.share, part.name, 100 * part.made, 100 * part.made_low,
                  100 * part.made_high, below_power(surplus->log10_tail)),
      {"neighbours", "samples in a part", surplus->log10_tail});
}

}  // namespace

// Its test is that of the calibrated figure.
extern const Instrument kSurplusInstrument{.name = "surplus",
                                           .tests = [](const Evidence&) -> int64_t { return 0; },
                                           .find = witness_surplus};

}  // namespace allmodes::diagnostics
