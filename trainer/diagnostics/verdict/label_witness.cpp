// Of conditional samples: whether they have the class that was asked for.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/statistics/distributions.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

// Of what the classifier finds among reals, above chance.
constexpr double kAskedFor = 0.7;
constexpr double kAskedForOfOne = 0.5;  // of one class, and of samples that do not look like data
constexpr double kHardlyAskedFor = 0.2;
constexpr double kLeastRange = 0.1;  // accuracy above chance: below it nothing is told apart
constexpr double kLeastRangeOfOne = 0.3;

double kept_of(double seen, double accuracy, double chance) {
  return (seen - chance) / (accuracy - chance);
}

// Classes whose samples mostly are of others, each at its part of the level.
std::vector<std::string> ignored_classes(const LabelFigures& labels, double log10_level) {
  const double each = log10_level - std::log10(std::max<size_t>(1, labels.by_class.size()));
  std::vector<std::string> names;
  for (const auto& of_class : labels.by_class) {
    if (of_class.asked == 0 || of_class.accuracy - of_class.chance < kLeastRangeOfOne) continue;
    const double seen = static_cast<double>(of_class.right) / static_cast<double>(of_class.asked);
    if (kept_of(seen, of_class.accuracy, of_class.chance) < kAskedForOfOne &&
        binomial_lower_log10(of_class.right, of_class.asked, of_class.accuracy) <= each)
      names.push_back(of_class.name);
  }
  return names;
}

}  // namespace

std::optional<Witness> witness_labels(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.labels || evidence.labels->samples == 0) return std::nullopt;
  const LabelFigures& labels = *evidence.labels;
  // An eye that tells nothing apart is no witness.
  if (labels.accuracy - labels.chance < kLeastRange) return std::nullopt;
  const double seen = static_cast<double>(labels.right) / static_cast<double>(labels.samples);
  const double kept = kept_of(seen, labels.accuracy, labels.chance);
  const double tail = binomial_lower_log10(labels.right, labels.samples, labels.accuracy);
  const double level = std::log10(levels.significance / 2);  // in all, and class by class
  const bool unlike_data = lies_away(evidence) || other_detail(evidence);
  const bool in_all = kept < (unlike_data ? kAskedForOfOne : kAskedFor) && tail <= level;
  const auto classes = ignored_classes(labels, level);
  if (!in_all && classes.empty()) return std::nullopt;
  std::string reason = fmt::format(
      "{:.1f} % of the samples have the class that was asked for ({:.1f} to {:.1f} %, 99 %), of "
      "reals {:.1f} %, by chance {:.1f} %",
      100 * seen, 100 * binomial_lower_bound(labels.right, labels.samples, 0.005),
      100 * binomial_upper_bound(labels.right, labels.samples, 0.005), 100 * labels.accuracy,
      100 * labels.chance);
  if (in_all) reason += "; " + below_power(tail);
  if (!classes.empty()) reason += "; mostly of other classes: " + list_of(classes);
  return Witness{kept < kHardlyAskedFor ? State::collapsed : State::at_risk,
                 "label_ignored",
                 reason,
                 {"labels"},
                 /*proof=*/false,
                 classes,
                 {.what = "class that was asked for",
                  .found = fmt::format("{:.1f} %", 100 * seen),
                  .expected = fmt::format("{:.1f} %", 100 * labels.accuracy),
                  .log10_p = tail}};
}

extern const Instrument kLabelsInstrument{
    .name = "labels",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.labels ? 1 : 0; }};

}  // namespace allmodes::diagnostics
