// Of samples that reach less of the data than real samples do, are moved, narrower or wider as a
// whole, or lie where the data are rarer; where nothing else is found.

#include <fmt/format.h>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kReached = 0.9;    // recall over that of real samples
constexpr double kMoved = 0.15;     // deviations of the data
constexpr double kNarrower = 0.87;  // spread over the data's, or one over it
constexpr double kRatherSure = -2;  // log10 of p
constexpr double kRarer = 0.85;     // density over that of real samples
constexpr double kSomeOff = 0.03;   // share of the samples: then they lie beside what they miss
constexpr double kFainter = 0.85;   // detail of pictures over that of reals like them

// Of many numbers recall falls far for samples that are a little narrower: that is no fault of
// note.
bool are_a_little_narrower(const Evidence& evidence) {
  const CalibratedFigure* ratio = calibrated_figure(evidence, "spread_ratio");
  return ratio != nullptr && ratio->value < 1 && ratio->value > kNarrower &&
         ratio->log10_tail <= kRatherSure;
}

}  // namespace

std::optional<Witness> witness_reach(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* recall = calibrated_figure(evidence, "recall");
  if (!significant(recall, levels) || recall->value >= kReached * recall->null_median ||
      are_a_little_narrower(evidence))
    return std::nullopt;
  const CalibratedFigure* detail = calibrated_figure(evidence, "detail");
  const bool beside = share_off_data(evidence) >= kSomeOff;
  const bool smooth = detail != nullptr && detail->value < kFainter;
  return risk_of(
      beside || smooth ? "unformed" : "within_mode_collapse",
      fmt::format("recall {:.3f}, of real samples {:.3f}; {}; {}", recall->value,
                  recall->null_median, below_power(recall->log10_tail),
                  beside   ? "as much of the data has samples beside it that lie off the data"
                  : smooth ? "the samples are smoother than the data"
                           : "the samples keep to a part of what the data vary by"),
      "recall", measured_of("recall", *recall));
}

std::optional<Witness> witness_whole(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* shift = calibrated_figure(evidence, "mean_shift");
  if (significant(shift, levels) && shift->value >= kMoved)
    return risk_of(
        "unformed",
        fmt::format("the samples' mean lies {:.2g} deviations of the data from that of the data, "
                    "of real samples {:.2g}; {}",
                    shift->value, shift->null_median, below_power(shift->log10_tail)),
        "moments", measured_of("distance of the means", *shift));
  const CalibratedFigure* ratio = calibrated_figure(evidence, "spread_ratio");
  if (!significant(ratio, levels) || (ratio->value > kNarrower && ratio->value < 1 / kNarrower))
    return std::nullopt;
  return risk_of(
      ratio->value < 1 ? "within_mode_collapse" : "unformed",
      fmt::format("the samples lie {:.2g} times as far from their middle as the data; {}",
                  ratio->value, below_power(ratio->log10_tail)),
      "moments", measured_of("distance from the middle", *ratio));
}

std::optional<Witness> witness_density(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* density = calibrated_figure(evidence, "density");
  if (!significant(density, levels) || density->value >= kRarer * density->null_median)
    return std::nullopt;
  return risk_of(
      "unformed",
      fmt::format("density {:.3f}, of real samples {:.3f}; {}; the samples lie where the "
                  "data are rarer, as with noise on them",
                  density->value, density->null_median, below_power(density->log10_tail)),
      "precision", measured_of("density", *density));
}

}  // namespace allmodes::diagnostics
