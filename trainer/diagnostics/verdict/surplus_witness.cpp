// Of a mode or a place that has too many of the samples, while all others have theirs: a class, a
// group or a category that is made too often.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kSurplus = 0.05;          // of the samples, beyond what chance shows
constexpr double kLackingElsewhere = 0.2;  // of the surplus
constexpr double kWideEnough = 0.85;       // within parts, over the data's variance
constexpr double kLiesOnData = 0.95;       // of the null of precision
constexpr double kReachesData = 0.85;  // of the null of recall: elsewhere there are fewer samples
constexpr double kRepeatedThereof = 0.2;   // of the surplus
constexpr double kTimesTheShare = 1.3;     // of the data in the place
constexpr double kTimesOfMode = 1.5;       // its expectation
constexpr double kUnevenElsewhere = 0.02;  // reverse KL of the other modes, nats beyond chance

// Samples that are moved, blurred or noisy are taken for other modes than they were meant for.
bool lies_as_data(const Evidence& evidence) {
  for (const char* name : {"precision", "on_data"})
    if (over_null(calibrated_figure(evidence, name)) < kLiesOnData) return false;
  return over_null(calibrated_figure(evidence, "recall")) >= kReachesData &&
         (!evidence.high_quality || *evidence.high_quality >= kLiesOnData) &&
         !other_detail(evidence) && !is_noisy(evidence);
}

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
  return lies_as_data(evidence) && repeated_beyond_reals(evidence) <= kRepeatedThereof * excess;
}

namespace {

std::optional<Witness> witness_surplus(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* surplus = calibrated_figure(evidence, "local_surplus");
  if (!significant(surplus, levels) || !crowds_a_place_alone(evidence)) return std::nullopt;
  const Part& part = evidence.crowded->part;
  Witness witness = witness_of_place(
      *evidence.crowded, State::at_risk, "mode_imbalance",
      fmt::format("where {:.1f} % of the data lie ({}) there are too many samples: {:.1f} % of "
                  "them ({:.1f} to {:.1f}, 99 %); {}",
                  100 * part.share, part.name, 100 * part.made, 100 * part.made_low,
                  100 * part.made_high, below_power(surplus->log10_tail)),
      {"neighbours", "samples in a part", surplus->log10_tail});
  witness.too_many = true;
  return witness;
}

// What some modes lack others have, and proportions that are wrong all over are judged as a whole
// (witness_imbalance).
bool others_are_even(ModeHistogram modes, const std::vector<CrowdedMode>& crowded) {
  double left = 1;
  for (const CrowdedMode& mode : crowded) {
    const auto k = static_cast<size_t>(mode.mode);
    left -= modes.expected_share[k];
    modes.samples -= modes.observed[k];
    modes.expected_share[k] = 0;
    modes.observed[k] = 0;
    if (!modes.real_counts.empty()) modes.real_counts[k] = 0;
  }
  if (left <= 0 || modes.samples == 0) return false;
  for (double& share : modes.expected_share) share /= left;
  return kl_reverse(modes) - sampling_floor(modes) <= kUnevenElsewhere;
}

std::optional<Witness> witness_crowded_modes(const Evidence& evidence,
                                             const config::Verdict& levels) {
  if (!evidence.modes || evidence.modes->samples == 0 || !lies_as_data(evidence))
    return std::nullopt;
  const ModeHistogram& modes = *evidence.modes;
  const auto crowded = crowded_modes(modes, kTimesOfMode, kSurplus, levels.significance);
  if (crowded.empty() || !others_are_even(modes, crowded)) return std::nullopt;
  std::vector<std::string> names, counts;
  for (const CrowdedMode& mode : crowded) {
    names.push_back(mode.name);
    counts.push_back(fmt::format("{} for {:.4g}", mode.observed, mode.expected));
  }
  const CrowdedMode& first = std::ranges::min(crowded, {}, &CrowdedMode::log10_tail);
  const double log10_p = first.log10_tail + std::log10(static_cast<double>(modes.observed.size()));
  Witness witness{State::at_risk,
                  "mode_imbalance",
                  fmt::format("{} of {} {} made too often ({}): {} of {}; {}", crowded.size(),
                              modes.observed.size(), evidence.mode_noun, list_of(names),
                              list_of(counts), modes.samples, below_power(log10_p)),
                  {"histogram"},
                  /*proof=*/false,
                  names,
                  {.what = evidence.mode_noun + " made too often",
                   .found = fmt::format("{}", first.observed),
                   .expected = fmt::format("{:.4g}", first.expected),
                   .log10_p = log10_p}};
  witness.too_many = true;
  return witness;
}

}  // namespace

// Its test is that of the calibrated figure.
extern const Instrument kSurplusInstrument{.name = "surplus",
                                           .tests = [](const Evidence&) -> int64_t { return 0; },
                                           .find = witness_surplus};
extern const Instrument kCrowdedModesInstrument{
    .name = "crowded modes",
    .tests = [](const Evidence& evidence) -> int64_t {
      return evidence.modes && evidence.modes->samples > 0 ? 1 : 0;
    },
    .find = witness_crowded_modes};

}  // namespace allmodes::diagnostics
