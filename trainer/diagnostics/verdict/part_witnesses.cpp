// Witnesses of the parts of the data.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/statistics/distributions.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr size_t kToldParts = 4;
// Lost mass that speaks for a collapse, and its lower bound.
constexpr double kMuchLost = 0.03;
constexpr double kSurelyLost = 0.01;
// Where samples are narrow, smooth or off the data, parts are short for that alone; a loss is said
// from here on (lower bound), and beside narrow parts that hold a quarter of the data from there.
constexpr double kLostThough = 0.05;
constexpr double kLostThoughNarrow = 0.2;
constexpr double kMuchNarrow = 0.25;
// Rims of what is made too narrow are small: a part that lacks this much of the data is none.
constexpr double kNoRim = 0.08;
constexpr double kSomeNarrow = 0.05;
constexpr double kMostlyNarrow = 0.5;
constexpr double kWideAll = 1.2;    // the samples' variance within parts over the data's
constexpr double kRarerAll = 0.9;   // density over that of real samples, for that
constexpr double kSureRarer = -4;   // log10 of p
constexpr double kPointLike = 0.1;  // width: hardly any left
constexpr double kManyPointLike = 0.1;
constexpr double kMostUnseen = 0.1;

double narrow_mass(const Evidence& evidence, double limit) {
  double mass = 0;
  for (const Part& part : evidence.parts->narrow) mass += part.width < limit ? part.share : 0;
  return mass;
}

std::string list_parts(const std::vector<Part>& parts) {
  std::vector<std::string> items;
  for (size_t i = 0; i < std::min(kToldParts, parts.size()); ++i)
    items.push_back(
        fmt::format("{}: {:.1f} % of the data, {:.1f} % of the samples ({:.1f} to {:.1f})",
                    parts[i].name, 100 * parts[i].share, 100 * parts[i].made,
                    100 * parts[i].made_low, 100 * parts[i].made_high));
  std::string text = fmt::format("{}", fmt::join(items, "; "));
  if (parts.size() > kToldParts) text += fmt::format("; and {} more", parts.size() - kToldParts);
  return text;
}

// A part is itself, and the class that it mostly is.
std::vector<std::string> names_of(const std::vector<Part>& parts) {
  std::vector<std::string> names;
  for (const Part& part : parts) {
    names.push_back(part.name);
    if (!part.mostly.empty()) names.push_back(part.mostly);
  }
  return names;
}

bool loses_more_than_a_rim(const Evidence& evidence) {
  return std::ranges::any_of(evidence.parts->missing, [](const Part& part) {
    return part.share - part.made_high >= kNoRim;
  });
}

double mass_of(const std::vector<Part>& parts) {
  double mass = 0;
  for (const Part& part : parts) mass += part.share - part.made;
  return mass;
}

}  // namespace

bool narrower_than(double width, const Evidence& evidence) {
  return evidence.parts && evidence.parts->width < width;
}

double least_sure_loss(const Evidence& evidence) {
  if (evidence.parts && narrow_mass(evidence, 0.5) >= kMuchNarrow &&
      !loses_more_than_a_rim(evidence))
    return kLostThoughNarrow;
  return narrower_than(kNarrowAll, evidence) || some_narrow(evidence) || lies_away(evidence) ||
                 lacks_detail(evidence) || other_detail(evidence) || wide_all(evidence)
             ? kLostThough
         : as_much_elsewhere(evidence) || narrower_than(kNarrowALittle, evidence) ? kSurelyLost
                                                                                  : 0;
}

bool some_narrow(const Evidence& evidence) {
  return evidence.parts && narrow_mass(evidence, 0.5) >= kSomeNarrow;
}

bool wide_all(const Evidence& evidence) {
  const CalibratedFigure* density = calibrated_figure(evidence, "density");
  return evidence.parts && evidence.parts->width > kWideAll && density != nullptr &&
         density->value < kRarerAll * density->null_median && density->log10_tail <= kSureRarer;
}

bool mostly_narrow(const Evidence& evidence) {
  return evidence.parts && narrow_mass(evidence, 0.5) >= kMostlyNarrow;
}

bool loses_parts(const Evidence& evidence) {
  return evidence.parts && evidence.parts->lost_mass > 0 &&
         evidence.parts->lost_mass_low >= least_sure_loss(evidence) && !left_by_move(evidence);
}

std::optional<Witness> witness_parts(const Evidence& evidence) {
  if (!loses_parts(evidence)) return std::nullopt;
  const PartFindings& found = *evidence.parts;
  const bool dropping = mass_of(found.missing) >= mass_of(found.starved) || has_lost_core(evidence);
  std::vector<Part> all = found.missing;
  all.insert(all.end(), found.starved.begin(), found.starved.end());
  Witness witness{
      found.lost_mass_low >= kSurelyLost && found.lost_mass >= kMuchLost ? State::collapsed
                                                                         : State::at_risk,
      dropping ? "mode_dropping" : "mode_imbalance",
      fmt::format("samples lack {:.1f} % of the data, {:.1f} % at least: {}", 100 * found.lost_mass,
                  100 * found.lost_mass_low, list_parts(all)),
      {"parts"},
      /*proof=*/false,
      names_of(all),
      {.what = dropping ? "parts of the data missing" : "parts of the data starved",
       .found = fmt::format("{:.1f} %", 100 * found.lost_mass),
       .expected = "0 %",
       .log10_p = all.empty() ? std::optional<double>()
                              : std::ranges::min(all, {}, &Part::log10_tail).log10_tail}};
  const CalibratedFigure* coverage = calibrated_figure(evidence, "coverage");
  if (coverage != nullptr && coverage->log10_tail <= -4) {
    witness.sources.emplace_back("coverage");
    witness.reason += fmt::format("; coverage {:.3f}, of real samples {:.3f}", coverage->value,
                                  coverage->null_median);
  }
  return witness;
}

std::optional<Witness> witness_narrow_parts(const Evidence& evidence) {
  // A part of several groups of which one is made too often seems narrow for that.
  if (!evidence.parts || evidence.parts->narrow.empty() || crowds_a_place_alone(evidence))
    return std::nullopt;
  std::vector<Part> parts = evidence.parts->narrow;
  // Few reals are reached by samples that lie off the data, too: that is said of them elsewhere.
  if (lies_away(evidence) || lacks_detail(evidence) || is_noisy(evidence))
    std::erase_if(parts, [](const Part& part) { return part.width >= 0.5; });
  if (parts.empty()) return std::nullopt;
  std::vector<std::string> items;
  double mass = 0;
  for (const Part& part : parts) {
    mass += part.share;
    if (items.size() < kToldParts)
      items.push_back(part.width < 0.5
                          ? fmt::format("{} {:.2g}", part.name, part.width)
                          : fmt::format("{} ({:.2g} of the reals reached that real samples reach)",
                                        part.name, part.reached));
  }
  const bool far = narrow_mass(evidence, kPointLike) >= kManyPointLike;
  Witness witness{
      far ? State::collapsed : State::at_risk,
      "within_mode_collapse",
      fmt::format("parts that hold {:.1f} % of the data are made too narrow; variance "
                  "over the data's: {}{}",
                  100 * mass, fmt::join(items, ", "), parts.size() > items.size() ? ", ..." : ""),
      {"dispersion"},
      /*proof=*/false,
      names_of(parts),
      {.what = "variance within parts",
       .found = fmt::format("{:.2g}", std::ranges::min(parts, {}, &Part::width).width),
       .expected = "1",
       .log10_p = std::ranges::min(parts, {}, &Part::log10_tail).log10_tail}};
  const CalibratedFigure* recall = calibrated_figure(evidence, "recall");
  if (lacks_detail(evidence) && recall->log10_tail <= -4) {
    witness.sources.emplace_back("recall");
    witness.reason +=
        fmt::format("; recall {:.3f}, of real samples {:.3f}", recall->value, recall->null_median);
  }
  return witness;
}

std::optional<Witness> witness_few_samples(const Evidence& evidence) {
  if (!evidence.smallest_loss || *evidence.smallest_loss <= kMostUnseen) return std::nullopt;
  return Witness{
      State::at_risk,
      "too_few_samples",
      *evidence.smallest_loss >= 1
          ? "too few samples to say: no loss of any part of the data would be seen"
          : fmt::format("too few samples to say: only a loss of {:.0f} % of the data or more "
                        "would be seen (99 %)",
                        100 * *evidence.smallest_loss),
      {"power"},
      /*proof=*/false,
      {},
      {.what = "smallest loss to be seen",
       .found = *evidence.smallest_loss >= 1
                    ? "none"
                    : fmt::format("{:.0f} %", 100 * *evidence.smallest_loss),
       .expected = fmt::format("{:.0f} % at most", 100 * kMostUnseen)}};
}

// Lost and narrow ones; each level is over all parts.
extern const Instrument kPartsInstrument{
    .name = "parts",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.parts ? 2 : 0; }};

}  // namespace allmodes::diagnostics
