// Of samples that are few things, each with noise.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kClumped = 0.2;          // of the samples, beyond the reals' share
constexpr double kMostlyClumped = 0.5;    // the same, for a collapse
constexpr double kRealsClumpedToo = 0.5;  // of the samples' share
// Each clump is an eighth of the samples at most; where they hang together as larger ones the leaps
// are those of a heavy tail.
constexpr double kThingsAtLeast = 4;
constexpr double kFewThings = 3;  // then they are duplicates

}  // namespace

std::optional<Witness> witness_clumps(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.clumped) return std::nullopt;
  const ClumpedSamples& found = *evidence.clumped;
  const double excess = found.share - found.of_reals;
  if (found.log10_tail > std::log10(levels.significance) || excess < kClumped ||
      found.of_reals > kRealsClumpedToo * found.share ||
      found.things < kThingsAtLeast * found.share)
    return std::nullopt;
  Witness witness{excess >= kMostlyClumped ? State::collapsed : State::at_risk,
                  found.things <= kFewThings ? "duplicates" : "within_mode_collapse",
                  fmt::format("{:.0f} % of the samples lie in {:.0f} tight clumps with nothing "
                              "around them, of real samples {:.0f} %: few things in many copies "
                              "that differ by noise; {}",
                              100 * found.share, std::max(1.0, found.things), 100 * found.of_reals,
                              below_power(found.log10_tail)),
                  {"clumps"},
                  /*proof=*/false,
                  found.classes,
                  {.what = "samples in tight clumps",
                   .found = fmt::format("{:.0f} %", 100 * found.share),
                   .expected = fmt::format("{:.0f} %", 100 * found.of_reals),
                   .log10_p = found.log10_tail}};
  if (!found.classes.empty()) witness.reason += "; mostly " + list_of(found.classes);
  const CalibratedFigure* recall = calibrated_figure(evidence, "recall");
  if (lacks_detail(evidence) && recall->log10_tail <= -4) {
    witness.sources.emplace_back("recall");
    witness.reason +=
        fmt::format("; recall {:.3f}, of real samples {:.3f}", recall->value, recall->null_median);
  }
  return witness;
}

extern const Instrument kClumpInstrument{
    .name = "clumps",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.clumped ? 1 : 0; }};

}  // namespace allmodes::diagnostics
