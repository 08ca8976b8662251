// Of a side of the data that samples lack.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kLeastSide = 0.03;     // of the data, lost beyond the plane
constexpr double kHardlyAnySide = 0.2;  // of the side's share: lost; else short of samples

}  // namespace

const EmptiedRegion* lost_place(const Evidence& evidence, const Witness& witness) {
  if (witness.kind != "mode_dropping" && witness.kind != "mode_imbalance") return nullptr;
  const auto is = [&](const char* source) {
    return !witness.sources.empty() && witness.sources.front() == source;
  };
  if (is("neighbours")) {
    // Which of the two places: the one that the witness names.
    for (const auto* place : {&evidence.emptied, &evidence.shorted})
      if (*place && !witness.modes.empty() && (*place)->part.name == witness.modes.front())
        return &**place;
    return nullptr;
  }
  return is("sides") && evidence.side ? &*evidence.side : nullptr;
}

std::optional<Witness> witness_side(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.side || evidence.side_log10_tail > std::log10(levels.significance))
    return std::nullopt;
  const Part& part = evidence.side->part;
  const double loss = part.share - part.made;
  if (loss < std::max(kLeastSide, least_sure_local_loss(evidence)) || lies_away(evidence) ||
      other_detail(evidence) || is_noisy(evidence) || mostly_narrow(evidence) ||
      as_much_elsewhere(evidence))
    return std::nullopt;
  Witness witness = witness_of_place(
      *evidence.side, State::collapsed,
      part.made < kHardlyAnySide * part.share ? "mode_dropping" : "mode_imbalance",
      fmt::format(
          "beyond a plane lie {:.1f} % of the data ({}) and {:.1f} % of the samples ({:.1f} "
          "to {:.1f}, 99 %); {}",
          100 * part.share, part.name, 100 * part.made, 100 * part.made_low, 100 * part.made_high,
          below_power(evidence.side_log10_tail)),
      {"sides", "samples on a side", evidence.side_log10_tail});
  if (!evidence.side->classes.empty())
    witness.reason += "; of the classes " + list_of(evidence.side->classes);
  return witness;
}

// Looked at wherever neighbours are.
extern const Instrument kSideInstrument{
    .name = "sides", .tests = [](const Evidence& evidence) -> int64_t {
      return calibrated_figure(evidence, "local_loss") != nullptr ? 1 : 0;
    }};

}  // namespace allmodes::diagnostics
