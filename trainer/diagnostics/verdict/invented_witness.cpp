// Of samples that lie where no data is.

#include <fmt/format.h>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kInvented = 0.02;  // share of the samples, beyond that of real ones

std::optional<Witness> witness_invented(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* figure = calibrated_figure(evidence, "invented");
  // Where so many lie off the data, or are noise, that this is said of them all, it is not said
  // again.
  const bool said =
      (lies_away(evidence) && witness_away(evidence, levels)) || witness_detail(evidence, levels);
  // Where a group is made too often, chance leaves some of its samples amid themselves.
  if (!significant(figure, levels) || figure->value - figure->null_median < kInvented || said ||
      crowds_a_place_alone(evidence))
    return std::nullopt;
  return risk_of(
      "unformed",
      fmt::format("{:.1f} % of the samples lie where no data is, of real samples "
                  "{:.1f} %; {}",
                  100 * figure->value, 100 * figure->null_median, below_power(figure->log10_tail)),
      "precision", measured_share("samples where no data is", *figure));
}

}  // namespace

// Its test is counted with the other pooled figures.
extern const Instrument kInventedInstrument{.name = "invented",
                                            .tests = [](const Evidence&) -> int64_t { return 0; },
                                            .find = witness_invented};

}  // namespace allmodes::diagnostics
