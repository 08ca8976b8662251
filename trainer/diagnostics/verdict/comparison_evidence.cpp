#include "diagnostics/verdict/comparison_evidence.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "diagnostics/modes/decoder_means.h"

namespace allmodes::diagnostics {
namespace {

const Null& null_of(const Comparison& comparison, std::string_view name) {
  for (size_t i = 0; i < comparison.nulls.size(); ++i)
    if (figures()[i].name == name) return comparison.nulls[i];
  ALLMODES_CHECK(false, "no figure is called '{}'", name);
}

ModeFigure figure_of(const Comparison& comparison, int64_t mode, double value, double log10_tail) {
  if (mode < 0) return {"the data", value, 1, log10_tail};
  const auto k = static_cast<size_t>(mode);
  return {comparison.names[k], value, comparison.shares[k], log10_tail};
}

std::optional<double> mean_of(const std::vector<ModeFigure>& modes) {
  if (modes.empty()) return std::nullopt;
  double sum = 0;
  for (const ModeFigure& mode : modes) sum += mode.value;
  return sum / static_cast<double>(modes.size());
}

PartFindings parts_of(const Comparison& comparison, const Features& samples, double significance) {
  const PartReference& parts = *comparison.reference.parts;
  const PartHints hints = part_hints(comparison);
  PartFindings found = find_parts(parts, samples, parts_level(significance), hints);
  if (!comparison.decoder_means || found.lost_mass <= 0) return found;
  const std::vector<float> widened = as_wide_as_reals({parts.reals, parts.width}, samples);
  return find_parts(parts, {widened, samples.width}, parts_level(significance), hints);
}

}  // namespace

PartHints part_hints(const Comparison& comparison) {
  const std::vector<int64_t>& modes = comparison.reference.reals.modes;
  if (comparison.names.size() < 2 ||
      std::ranges::any_of(modes, [](int64_t mode) { return mode < 0; }))
    return {};
  return {.labels = modes, .class_names = comparison.names};
}

void add_comparison(const Comparison& comparison, const FeatureRows& samples, double significance,
                    Evidence& evidence) {
  const Reference& reference = comparison.reference;
  const ByMode by_mode = measure_by_mode(samples, reference);
  for (size_t i = 0; i < figures().size(); ++i) {
    const double value = figures()[i].value(samples, reference, by_mode);
    evidence.calibrated.push_back({figures()[i].name, value, comparison.nulls[i].median(),
                                   comparison.nulls[i].log10_tail(value)});
  }
  const Null& coverage = null_of(comparison, "lowest_coverage");
  for (const ModeShare& each : by_mode.coverage) {
    evidence.coverage_by_mode.push_back(
        figure_of(comparison, each.mode, each.share, coverage.log10_tail(each.share)));
  }
  const auto add = [&](const std::vector<ModeDeficit>& modes, std::string_view null,
                       std::vector<ModeFigure>& to) {
    const Null& deficit = null_of(comparison, null);
    for (const ModeDeficit& each : modes)
      to.push_back(figure_of(comparison, each.mode, each.value, deficit.log10_tail(each.deficit)));
  };
  add(by_mode.spread, "spread_deficit", evidence.spread_by_mode);
  add(by_mode.halves, "half_deficit", evidence.halves_by_mode);
  const bool finite =
      std::ranges::all_of(samples.features, [](float x) { return std::abs(x) <= kLargestFeature; });
  if (reference.parts && finite && samples.size() > 0)
    evidence.parts = parts_of(comparison, {samples.features, samples.width}, significance);
  evidence.expected_coverage = coverage.median();
  evidence.coverage = mean_of(evidence.coverage_by_mode);
  evidence.mode_spread = mean_of(evidence.spread_by_mode);
}

}  // namespace allmodes::diagnostics
