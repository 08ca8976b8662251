// Of the histogram over known modes: missing, starved and misallotted ones, samples on no mode.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kLostMass = 0.01;
constexpr double kImbalanceCollapsed = 3.0;  // times imbalance_kl
constexpr double kStarvedShare = 0.4;        // of a mode's expectation, where it lacks kLostMass
constexpr double kStarvedCorrected = 0.5;    // the same, without the mistakes of a classifier
constexpr double kFarStarvedShare = 0.25;    // of whatever mass

std::string expected_counts(const std::vector<MissingMode>& missing) {
  const bool equal = std::ranges::all_of(missing, [&](const MissingMode& mode) {
    return std::abs(mode.expected - missing.front().expected) < 1e-6 * mode.expected;
  });
  if (equal) {
    return fmt::format("{:.4g}{}", missing.front().expected, missing.size() > 1 ? " each" : "");
  }
  std::vector<std::string> counts;
  counts.reserve(missing.size());
  for (const MissingMode& mode : missing) counts.push_back(fmt::format("{:.4g}", mode.expected));
  return list_of(counts);
}

// "36", "36 (about 29 are of it)".
std::string seen_of(const MissingMode& mode, const ModeHistogram& modes) {
  return modes.made_ratio.empty()
             ? fmt::format("{}", mode.observed)
             : fmt::format("{} (about {:.0f} are of it)", mode.observed, mode.made);
}

// "250 each", "3 to 250".
std::string range_of(std::vector<double> counts) {
  const auto [least, most] = std::ranges::minmax(counts);
  if (most - least <= 1e-6 * most)
    return fmt::format("{:.4g}{}", least, counts.size() > 1 ? " each" : "");
  return fmt::format("{:.4g} to {:.4g}", least, most);
}

FoundFigure measured_counts(const std::string& what, const std::vector<MissingMode>& modes,
                            double log10_p) {
  std::vector<double> found, expected;
  for (const MissingMode& mode : modes) {
    found.push_back(static_cast<double>(mode.observed));
    expected.push_back(mode.expected);
  }
  return {
      .what = what, .found = range_of(found), .expected = range_of(expected), .log10_p = log10_p};
}

std::optional<Witness> witness_starved(const Evidence& evidence, const ModeHistogram& modes,
                                       const config::Verdict& levels) {
  auto starved = missing_modes(modes, modes.made_ratio.empty() ? kStarvedShare : kStarvedCorrected,
                               levels.significance);
  // Those that are missing altogether are told elsewhere.
  std::erase_if(starved, [&](const MissingMode& mode) {
    const double made = mode.made;
    const double lost = (mode.expected - made) / static_cast<double>(modes.samples);
    return made < levels.dropped_share * mode.expected ||
           (made >= kFarStarvedShare * mode.expected && lost < kLostMass);
  });
  if (starved.empty()) return std::nullopt;
  std::vector<std::string> names;
  std::vector<std::string> seen;
  for (const MissingMode& mode : starved) {
    names.push_back(mode.name);
    seen.push_back(seen_of(mode, modes));
  }
  return Witness{
      State::at_risk,
      "mode_imbalance",
      fmt::format("{} of {} {} starved ({}); expected {} of {}, saw {}", starved.size(),
                  modes.observed.size(), evidence.mode_noun, list_of(names),
                  expected_counts(starved), modes.samples, list_of(seen)),
      {"histogram"},
      /*proof=*/false,
      names,
      measured_counts(evidence.mode_noun + " starved", starved,
                      std::ranges::max(starved, {}, &MissingMode::log10_tail).log10_tail)};
}

// The histogram of the samples with the mean and the width of the data, where they are narrow as a
// whole or off the data: whoever sorts samples into classes knows those as the data have them.
const ModeHistogram* when_moved(const Evidence& evidence) {
  const bool other = mostly_narrow(evidence) || lies_away(evidence);
  return other && evidence.modes_when_moved ? &*evidence.modes_when_moved : nullptr;
}

}  // namespace

std::vector<MissingMode> missing_of(const Evidence& evidence, const config::Verdict& levels) {
  std::vector<MissingMode> missing;
  for (const auto* modes : {&evidence.modes, &evidence.good_modes}) {
    if (!*modes || (*modes)->samples == 0) continue;
    for (MissingMode& mode : missing_modes(**modes, levels.dropped_share, levels.significance))
      if (std::ranges::none_of(missing, [&](const MissingMode& m) { return m.mode == mode.mode; }))
        missing.push_back(std::move(mode));
  }
  std::ranges::sort(missing, {}, &MissingMode::mode);
  const ModeHistogram* moved = when_moved(evidence);
  if (moved == nullptr || missing.empty()) return missing;
  const auto stay = missing_modes(*moved, levels.dropped_share, levels.significance);
  std::erase_if(missing, [&](const MissingMode& mode) {
    return std::ranges::none_of(stay, [&](const MissingMode& m) { return m.mode == mode.mode; });
  });
  return missing;
}

double lost_share(const Evidence& evidence, const std::vector<MissingMode>& missing) {
  double lost = 0;
  for (const MissingMode& mode : missing)
    lost += mode.expected - static_cast<double>(mode.observed);
  return missing.empty() ? 0 : lost / static_cast<double>(evidence.modes->samples);
}

std::optional<Witness> witness_dropping(const Evidence& evidence,
                                        const std::vector<MissingMode>& missing,
                                        const config::Verdict& levels) {
  if (!evidence.modes || evidence.modes->samples == 0) return std::nullopt;
  const ModeHistogram& modes = *evidence.modes;
  const auto total = static_cast<double>(modes.observed.size());
  if (!missing.empty()) {
    std::vector<std::string> names;
    std::vector<std::string> seen;
    double weakest = missing.front().log10_tail;
    double mass = 0;
    for (const MissingMode& mode : missing) {
      names.push_back(mode.name);
      seen.push_back(seen_of(mode, modes));
      weakest = std::max(weakest, mode.log10_tail);
      mass += mode.expected / static_cast<double>(modes.samples);
    }
    return Witness{
        mass >= kLostMass ? State::collapsed : State::at_risk,
        "mode_dropping",
        fmt::format("{} of {} {} missing ({}); expected {} of {}, saw {}; {}", missing.size(),
                    modes.observed.size(), evidence.mode_noun, list_of(names),
                    expected_counts(missing), modes.samples, list_of(seen),
                    below_power(weakest + std::log10(total))),
        {"histogram"},
        /*proof=*/false,
        names,
        measured_counts(evidence.mode_noun + " missing", missing, weakest + std::log10(total))};
  }
  const ModeHistogram* moved = when_moved(evidence);
  const Unseen unseen = unseen_modes(moved != nullptr ? *moved : modes);
  if (unseen.lost_mass < kLostMass || unseen.log10_tail > std::log10(levels.significance))
    return std::nullopt;
  return Witness{
      State::collapsed,
      "mode_dropping",
      fmt::format("{} of {} {} unseen in {} samples, expected {:.1f}; they hold {:.1f} % "
                  "of the data more than chance leaves out; {}",
                  unseen.observed, modes.observed.size(), evidence.mode_noun, modes.samples,
                  unseen.expected, 100 * unseen.lost_mass, below_power(unseen.log10_tail)),
      {"histogram"},
      /*proof=*/false,
      {},
      {.what = evidence.mode_noun + " unseen",
       .found = fmt::format("{}", unseen.observed),
       .expected = fmt::format("{:.1f}", unseen.expected),
       .log10_p = unseen.log10_tail}};
}

std::optional<Witness> witness_imbalance(const Evidence& evidence,
                                         const std::vector<PastEvaluation>& history,
                                         const config::Verdict& levels) {
  if (!evidence.modes || evidence.modes->samples == 0) return std::nullopt;
  const ModeHistogram* moved = when_moved(evidence);
  const ModeHistogram& modes = moved != nullptr ? *moved : *evidence.modes;
  const double divergence = kl_reverse(modes);
  double floor = sampling_floor(modes);
  // Single modes have a test of their own, which one divergence over all of them need not bear out.
  std::optional<Witness> starved = witness_starved(evidence, modes, levels);
  if (modes.real_counts.empty()) {
    if (divergence <= sampling_ceiling(modes, levels.significance)) return starved;
  } else {
    const Null null = imbalance_null(modes);
    if (null.log10_tail(divergence) > std::log10(levels.significance)) return starved;
    floor = null.median();
  }
  const double excess = divergence - floor;
  const FoundFigure measured{.what = "reverse KL, nats",
                             .found = fmt::format("{:.3g}", divergence),
                             .expected = fmt::format("{:.2g}", floor)};
  std::string reason =
      fmt::format("reverse KL {:.3g} nats over {} {}, a perfect sampler has {:.2g}", divergence,
                  modes.observed.size(), evidence.mode_noun, floor);
  if (excess > levels.imbalance_kl) {
    const bool far = excess > kImbalanceCollapsed * levels.imbalance_kl;
    return Witness{far ? State::collapsed : State::at_risk,
                   "mode_imbalance",
                   reason,
                   {"histogram"},
                   /*proof=*/false,
                   {},
                   measured};
  }
  if (starved) return starved;
  if (history.size() < 2 || excess <= 0.5 * levels.imbalance_kl) return std::nullopt;
  const std::optional<double> last = value_of(history[history.size() - 1], "kl_excess");
  const std::optional<double> before = value_of(history[history.size() - 2], "kl_excess");
  if (!last || !before || excess <= *last || *last <= *before) return std::nullopt;
  return Witness{State::at_risk,
                 "mode_imbalance",
                 fmt::format("{}, growing for three evaluations", reason),
                 {"histogram"},
                 /*proof=*/false,
                 {},
                 measured};
}

std::optional<Witness> witness_unformed(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.high_quality || !(*evidence.high_quality < levels.minimum_high_quality))
    return std::nullopt;
  return Witness{State::at_risk,
                 "unformed",
                 fmt::format("{:.1f} % of the samples lie on a mode, below {:.0f} %",
                             100 * *evidence.high_quality, 100 * levels.minimum_high_quality),
                 {"quality"},
                 /*proof=*/false,
                 {},
                 {.what = "samples on a mode",
                  .found = fmt::format("{:.1f} %", 100 * *evidence.high_quality),
                  .expected = fmt::format("{:.0f} % or more", 100 * levels.minimum_high_quality)}};
}

// Missing or starved modes, unseen ones, imbalance.
extern const Instrument kHistogramInstrument{
    .name = "histogram", .tests = [](const Evidence& evidence) -> int64_t {
      return evidence.modes && evidence.modes->samples > 0 ? 3 : 0;
    }};
extern const Instrument kGoodModesInstrument{
    .name = "good modes",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.good_modes ? 1 : 0; }};
}  // namespace allmodes::diagnostics
