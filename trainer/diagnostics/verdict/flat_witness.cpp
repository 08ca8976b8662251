// Of directions in which samples hardly vary.

#include <fmt/format.h>

#include <cmath>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {

std::optional<Witness> witness_flat(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.flat || evidence.flat->log10_tail > std::log10(levels.significance) ||
      other_detail(evidence))
    return std::nullopt;
  const FlatFigures& flat = *evidence.flat;
  // Pictures that lack what is fine in them are smooth, and all of it is there.
  const bool pictures = calibrated_figure(evidence, "detail") != nullptr;
  std::string reason = fmt::format(
      "along {} of the {} directions in which the data vary most within their parts, the samples' "
      "variance is {:.2g} of the data's",
      flat.directions, flat.looked_at, flat.width);
  if (!flat.columns.empty()) reason += " (" + list_of(flat.columns) + ")";
  reason += fmt::format("; {:.1f} % of that variance lies there; {}", 100 * flat.share,
                        below_power(flat.log10_tail));
  return Witness{State::at_risk,
                 pictures ? "unformed" : "within_mode_collapse",
                 reason,
                 {"dispersion"},
                 /*proof=*/false,
                 {},
                 {.what = "variance in some directions",
                  .found = fmt::format("{:.2g}", flat.width),
                  .expected = "1",
                  .log10_p = flat.log10_tail}};
}

// Looked for wherever parts are.
extern const Instrument kFlatInstrument{
    .name = "flat directions",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.parts ? 1 : 0; }};

}  // namespace allmodes::diagnostics
