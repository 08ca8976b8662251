#include "diagnostics/verdict/witnesses.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace allmodes::diagnostics {
namespace {

constexpr double kDuplicatesCollapsed = 0.05;
constexpr double kDuplicatesAtRisk = 0.2;
constexpr size_t kListed = 12;  // modes named in one sentence

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

Witness risk_of(std::string kind, std::string reason, const char* source, FoundFigure measured) {
  return {State::at_risk,     std::move(kind),
          std::move(reason),  {source},
          /*proof=*/false,    {},
          std::move(measured)};
}

FoundFigure measured_share(const char* what, const CalibratedFigure& figure) {
  return {.what = what,
          .found = fmt::format("{:.1f} %", 100 * figure.value),
          .expected = fmt::format("{:.1f} %", 100 * figure.null_median),
          .log10_p = figure.log10_tail};
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

}  // namespace allmodes::diagnostics
