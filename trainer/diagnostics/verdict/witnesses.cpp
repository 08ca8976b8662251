#include "diagnostics/verdict/witnesses.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace allmodes::diagnostics {
namespace {

constexpr double kDuplicatesCollapsed = 0.05;
constexpr double kDuplicatesAtRisk = 0.2;
constexpr double kFallen = 0.5;  // of the best so far
constexpr double kInsensitive = 1e-3;
constexpr double kLostMass = 0.01;
constexpr double kImbalanceCollapsed = 3.0;  // times imbalance_kl
constexpr double kStarvedShare = 0.4;        // of a mode's expectation, where it lacks kLostMass
constexpr double kFarStarvedShare = 0.25;    // of whatever mass
constexpr double kAggregateNats = 0.5;       // a dimension
constexpr double kAggregateDiscrepancy = 0.1;
constexpr size_t kListed = 12;  // modes named in one sentence

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

}  // namespace

std::optional<double> value_of(const PastEvaluation& past, std::string_view name) {
  for (const auto& [key, value] : past.values) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<double> best_of(const std::vector<PastEvaluation>& history, std::string_view name) {
  std::optional<double> best;
  for (const PastEvaluation& past : history) {
    const std::optional<double> value = value_of(past, name);
    if (value && (!best || *value > *best)) best = value;
  }
  return best;
}

std::string list_of(const std::vector<std::string>& items) {
  if (items.size() <= kListed) return fmt::format("{}", fmt::join(items, ", "));
  return fmt::format("{}, ... and {} more", fmt::join(items.begin(), items.begin() + kListed, ", "),
                     items.size() - kListed);
}

std::string below_power(double log10_value) {
  if (std::isinf(log10_value)) return "p = 0";
  return fmt::format("p < 1e{:.0f}", std::floor(log10_value) + 1);
}

std::optional<Witness> witness_divergence(const Evidence& evidence) {
  const std::pair<const char*, std::optional<double>> figures[] = {
      {"high_quality", evidence.high_quality},
      {"diversity_ratio", evidence.diversity_ratio},
      {"r2_mean", evidence.r2_mean},
      {"variance_ratio", evidence.variance_ratio},
      {"kl_total", evidence.kl_total},
      {"aggregate_kl", evidence.aggregate_kl},
      {"aggregate_mmd", evidence.aggregate_mmd},
      {"decoder_sensitivity", evidence.decoder_sensitivity}};
  std::vector<std::string> broken;
  for (const auto& [name, value] : figures) {
    if (value && !std::isfinite(*value)) broken.push_back(fmt::format("{} is {}", name, *value));
  }
  const bool most =
      evidence.steps > 0 && evidence.nonfinite_steps > 0 &&
      static_cast<double>(evidence.nonfinite_steps) >= 0.5 * static_cast<double>(evidence.steps);
  const bool collapsed = evidence.nonfinite_samples > 0 || !broken.empty() || most;
  if (evidence.nonfinite_samples > 0) {
    broken.push_back(fmt::format("{} samples are not finite", evidence.nonfinite_samples));
  }
  if (evidence.nonfinite_steps > 0) {
    broken.push_back(fmt::format("{} steps since the last evaluation were not finite",
                                 evidence.nonfinite_steps));
  }
  if (broken.empty()) return std::nullopt;
  return Witness{collapsed ? State::collapsed : State::at_risk,
                 "divergence",
                 fmt::format("{}", fmt::join(broken, ", ")),
                 {},
                 /*proof=*/true,
                 {},
                 {.what = "numbers that are none",
                  .found = fmt::format("{}", evidence.nonfinite_samples + evidence.nonfinite_steps),
                  .expected = "0"}};
}

std::optional<Witness> witness_duplicates(const Evidence& evidence,
                                          const std::vector<PastEvaluation>& history) {
  const std::optional<double> ratio = evidence.diversity_ratio;
  if (!ratio || !std::isfinite(*ratio)) return std::nullopt;
  if (*ratio < kDuplicatesAtRisk) {
    return Witness{
        *ratio < kDuplicatesCollapsed ? State::collapsed : State::at_risk,
        "duplicates",
        fmt::format("samples are {:.3g} times as far apart as the data", *ratio),
        {"dispersion"},
        /*proof=*/false,
        {},
        {.what = "distance of samples", .found = fmt::format("{:.3g}", *ratio), .expected = "1"}};
  }
  // An untrained generator can be wilder than the data: that is nothing to fall from.
  const double best = std::min(1.0, best_of(history, "diversity_ratio").value_or(0));
  if (*ratio >= kFallen * best) return std::nullopt;
  return Witness{
      State::at_risk,
      "duplicates",
      fmt::format("samples are {:.3g} times as far apart as the data, {:.3g} before", *ratio, best),
      {"dispersion"},
      /*proof=*/false,
      {},
      {.what = "distance of samples",
       .found = fmt::format("{:.3g}", *ratio),
       .expected = fmt::format("{:.3g} before", best)}};
}

std::optional<Witness> witness_posterior(const Evidence& evidence, const config::Verdict& levels) {
  std::vector<std::string> signs;
  std::vector<std::string> sources;
  if (evidence.kl_total && *evidence.kl_total < levels.minimum_kl) {
    sources = {"encoder"};
    signs.push_back(
        fmt::format("KL {:.3g} nats, below {:.3g}", *evidence.kl_total, levels.minimum_kl));
  }
  if (evidence.active_units && *evidence.active_units == 0) {
    sources = {"encoder"};
    signs.push_back(evidence.latent_dimensions
                        ? fmt::format("0 of {} units active", *evidence.latent_dimensions)
                        : "no unit active");
  }
  if (evidence.decoder_sensitivity && *evidence.decoder_sensitivity < kInsensitive) {
    sources.emplace_back("dispersion");
    signs.push_back(
        fmt::format("the decoder's answers to the prior have {:.3g} of the data's "
                    "variance",
                    *evidence.decoder_sensitivity));
  }
  if (signs.empty()) return std::nullopt;
  const bool by_kl = evidence.kl_total && *evidence.kl_total < levels.minimum_kl;
  const bool by_units = !by_kl && evidence.active_units && *evidence.active_units == 0;
  const FoundFigure measured =
      by_kl      ? FoundFigure{.what = "KL of the posterior, nats",
                               .found = fmt::format("{:.3g}", *evidence.kl_total),
                               .expected = fmt::format("{:.3g} or more", levels.minimum_kl)}
      : by_units ? FoundFigure{.what = "active units", .found = "0", .expected = "1 or more"}
                 : FoundFigure{.what = "answer to the code",
                               .found = fmt::format("{:.3g}", *evidence.decoder_sensitivity),
                               .expected = fmt::format("{:.3g} or more", kInsensitive)};
  return Witness{State::collapsed,
                 "posterior_collapse",
                 fmt::format("{}", fmt::join(signs, ", ")),
                 sources,
                 /*proof=*/false,
                 {},
                 measured};
}

std::optional<Witness> witness_mean(const Evidence& evidence,
                                    const std::vector<PastEvaluation>& history,
                                    const config::Verdict& levels) {
  const std::optional<double> r2 = evidence.r2_mean;
  if (!r2 || !std::isfinite(*r2)) return std::nullopt;
  if (*r2 < levels.minimum_r2) {
    std::string reason = fmt::format(
        "reconstructions are hardly better than the mean of the data: R2 {:.3g}, "
        "below {:.3g}",
        *r2, levels.minimum_r2);
    if (evidence.variance_ratio) {
      reason += fmt::format(", with {:.3g} of its variance", *evidence.variance_ratio);
    }
    return Witness{State::collapsed,
                   "mean_collapse",
                   reason,
                   {"reconstruction"},
                   /*proof=*/false,
                   {},
                   {.what = "R2 of reconstructions",
                    .found = fmt::format("{:.3g}", *r2),
                    .expected = fmt::format("{:.3g} or more", levels.minimum_r2)}};
  }
  const double best = best_of(history, "r2_mean").value_or(0);
  if (*r2 >= kFallen * best) return std::nullopt;
  return Witness{
      State::at_risk,
      "mean_collapse",
      fmt::format("R2 against the mean of the data fell from {:.3g} to {:.3g}", best, *r2),
      {"reconstruction"},
      /*proof=*/false,
      {},
      {.what = "R2 of reconstructions",
       .found = fmt::format("{:.3g}", *r2),
       .expected = fmt::format("{:.3g} before", best)}};
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
      seen.push_back(fmt::format("{}", mode.observed));
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
  const Unseen unseen = unseen_modes(modes);
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
  const ModeHistogram& modes = *evidence.modes;
  const double divergence = kl_reverse(modes);
  double floor = sampling_floor(modes);
  if (modes.real_counts.empty()) {
    if (divergence <= sampling_ceiling(modes, levels.significance)) return std::nullopt;
  } else {
    const Null null = imbalance_null(modes);
    if (null.log10_tail(divergence) > std::log10(levels.significance)) return std::nullopt;
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
  auto starved = missing_modes(modes, kStarvedShare, levels.significance);
  // Those that are missing altogether are told elsewhere.
  std::erase_if(starved, [&](const MissingMode& mode) {
    const auto made = static_cast<double>(mode.observed);
    const double lost = (mode.expected - made) / static_cast<double>(modes.samples);
    return made < levels.dropped_share * mode.expected ||
           (made >= kFarStarvedShare * mode.expected && lost < kLostMass);
  });
  if (!starved.empty()) {
    std::vector<std::string> names;
    std::vector<std::string> seen;
    for (const MissingMode& mode : starved) {
      names.push_back(mode.name);
      seen.push_back(fmt::format("{}", mode.observed));
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

std::optional<Witness> witness_aggregate(const Evidence& evidence,
                                         const std::optional<config::Verdict>& levels) {
  std::vector<std::string> signs;
  const bool calibrated = levels && evidence.aggregate_mmd_log10_tail;
  const bool significant =
      calibrated ? *evidence.aggregate_mmd_log10_tail < std::log10(levels->significance)
                 : evidence.aggregate_mmd && evidence.aggregate_mmd_null_q99 &&
                       *evidence.aggregate_mmd > *evidence.aggregate_mmd_null_q99;
  if (evidence.aggregate_kl && evidence.latent_dimensions.value_or(0) >= 1) {
    const double nats = *evidence.aggregate_kl / static_cast<double>(*evidence.latent_dimensions);
    if (nats > kAggregateNats) {
      signs.push_back(
          fmt::format("the codes are {:.3g} nats a dimension from the prior, above {:.3g}", nats,
                      kAggregateNats));
    }
  }
  if (evidence.aggregate_mmd && evidence.aggregate_mmd_null_q99 && evidence.aggregate_discrepancy &&
      significant && *evidence.aggregate_discrepancy > kAggregateDiscrepancy) {
    signs.push_back(fmt::format(
        "MMD^2 {:.3g} between codes and prior, {:.3g} of their likeness and above {:.3g}; two "
        "samples of the prior have {:.2g} at most (99 %)",
        *evidence.aggregate_mmd, *evidence.aggregate_discrepancy, kAggregateDiscrepancy,
        *evidence.aggregate_mmd_null_q99));
  }
  if (signs.empty()) return std::nullopt;
  return Witness{State::at_risk,
                 "aggregate_mismatch",
                 fmt::format("{}", fmt::join(signs, ", ")),
                 {"codes"},
                 /*proof=*/false,
                 {},
                 evidence.aggregate_discrepancy
                     ? FoundFigure{.what = "codes beside the prior",
                                   .found = fmt::format("{:.3g}", *evidence.aggregate_discrepancy),
                                   .expected = fmt::format("{:.3g} at most", kAggregateDiscrepancy),
                                   .log10_p = evidence.aggregate_mmd_log10_tail}
                     : FoundFigure{.what = "codes beside the prior"}};
}

// Missing or starved modes, unseen ones, imbalance.
extern const Instrument kHistogramInstrument{
    .name = "histogram", .tests = [](const Evidence& evidence) -> int64_t {
      return evidence.modes && evidence.modes->samples > 0 ? 3 : 0;
    }};
extern const Instrument kGoodModesInstrument{
    .name = "good modes",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.good_modes ? 1 : 0; }};
extern const Instrument kAggregateInstrument{.name = "aggregate posterior",
                                             .tests = [](const Evidence& evidence) -> int64_t {
                                               return evidence.aggregate_mmd_log10_tail ? 1 : 0;
                                             }};

}  // namespace allmodes::diagnostics
