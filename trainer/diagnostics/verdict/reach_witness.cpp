// Of samples that reach less of the data than real samples do, or lie where it is rarer, where
// nothing else is found.

#include <fmt/format.h>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kReached = 0.9;   // recall over that of real samples
constexpr double kRarer = 0.85;    // density over that of real samples
constexpr double kSomeOff = 0.03;  // share of the samples: then they lie beside what they miss
constexpr double kFainter = 0.85;  // detail of pictures over that of reals like them

}  // namespace

std::optional<Witness> witness_reach(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* recall = calibrated_figure(evidence, "recall");
  if (!significant(recall, levels) || recall->value >= kReached * recall->null_median)
    return std::nullopt;
  const CalibratedFigure* detail = calibrated_figure(evidence, "detail");
  const bool beside = share_off_data(evidence) >= kSomeOff;
  const bool smooth = detail != nullptr && detail->value < kFainter;
  return Witness{
      State::at_risk,
      beside || smooth ? "unformed" : "within_mode_collapse",
      fmt::format("recall {:.3f}, of real samples {:.3f}; {}; {}", recall->value,
                  recall->null_median, below_power(recall->log10_tail),
                  beside   ? "as much of the data has samples beside it that lie off the data"
                  : smooth ? "the samples are smoother than the data"
                           : "the samples keep to a part of what the data vary by"),
      {"recall"},
      /*proof=*/false,
      {},
      measured_of("recall", *recall)};
}

std::optional<Witness> witness_density(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* density = calibrated_figure(evidence, "density");
  if (!significant(density, levels) || density->value >= kRarer * density->null_median)
    return std::nullopt;
  return Witness{
      State::at_risk,
      "unformed",
      fmt::format("density {:.3f}, of real samples {:.3f}; {}; the samples lie where the "
                  "data are rarer, as with noise on them",
                  density->value, density->null_median, below_power(density->log10_tail)),
      {"precision"},
      /*proof=*/false,
      {},
      measured_of("density", *density)};
}

}  // namespace allmodes::diagnostics
