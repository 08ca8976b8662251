// Witnesses of the comparison with real samples in a feature space, and of what moves towards a
// collapse.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr size_t kTold = 4;  // modes of a figure that a sentence names
constexpr double kComparedLostMass = 0.01;
constexpr double kThinCoverage = 2;  // times minimum_coverage: a risk
constexpr double kVeryNarrow = 0.2;  // of minimum_spread
constexpr double kOneSided = 0.5;    // of minimum_spread
constexpr double kNear = 0.5;        // distances over the data's
constexpr double kVeryNear = 0.1;
constexpr double kNearDuplicates = 0.05;  // of the samples, in excess of the reals'
constexpr double kMostlyDuplicates = 0.5;
constexpr double kCopies = 0.005;  // the same of exact copies
constexpr double kManyCopies = 0.1;
constexpr double kSaturated = 0.98;
constexpr size_t kTrendWindow = 8;
constexpr double kTrendDeviations = 2.33;  // 1 %, one-sided
constexpr double kSlowFall = 0.5;          // of trend_drop, where ups come between
constexpr double kLowKl = 10;              // times minimum_kl

// The modes in which a figure is below a limit and unlikely.
struct Found {
  std::vector<ModeFigure> modes;  // the lowest first
  double mass = 0;
  double weakest = -1e300;  // log10 tail

  // Empty where the data are one mode.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const ModeFigure& mode : modes)
      if (mode.mass < 1) all.push_back(mode.name);
    return all;
  }

  // "0.009 to 0.2" of the modes, beside what is expected.
  FoundFigure measured(const std::string& what, const std::string& expected) const {
    const double least = modes.front().value, most = modes.back().value;
    return {.what = what,
            .found = modes.size() == 1 ? fmt::format("{:.2g}", least)
                                       : fmt::format("{:.2g} to {:.2g}", least, most),
            .expected = expected,
            .log10_p = weakest};
  }

  // "Sneaker 0.15, Coat 0.2 and 5 more"
  std::string list() const {
    std::vector<std::string> items;
    for (size_t i = 0; i < std::min(modes.size(), kTold); ++i)
      items.push_back(fmt::format("{} {:.2g}", modes[i].name, modes[i].value));
    std::string text = fmt::format("{}", fmt::join(items, ", "));
    if (modes.size() > kTold) text += fmt::format(" and {} more", modes.size() - kTold);
    return text;
  }
};

Found find_modes(const std::vector<ModeFigure>& modes, double limit, double level) {
  Found found;
  for (const ModeFigure& mode : modes) {
    if (!(mode.value < limit) || mode.log10_tail > std::log10(level)) continue;
    found.modes.push_back(mode);
    found.mass += mode.mass;
    found.weakest = std::max(found.weakest, mode.log10_tail);
  }
  std::ranges::stable_sort(found.modes, {}, &ModeFigure::value);
  return found;
}

enum class Fall { none, steady, on_the_whole };

// How a value has moved up to now: down in this and the last two evaluations, or down on the whole
// over the last kTrendWindow of them, with ups between: Kendall's rank correlation with time
// (Mann 1945) at 1 %, from eight values on.
Fall fall_of(std::optional<double> now, const std::vector<PastEvaluation>& history,
             std::string_view name) {
  if (!now || !std::isfinite(*now) || history.size() < 2) return Fall::none;
  std::vector<double> values;
  for (const PastEvaluation& past : history)
    if (const auto value = value_of(past, name)) values.push_back(*value);
  values.push_back(*now);
  const size_t count = values.size();
  if (count >= 3 && values[count - 1] < values[count - 2] &&
      values[count - 2] < values[count - 3] && value_of(history.back(), name) &&
      value_of(history[history.size() - 2], name))
    return Fall::steady;
  if (count < kTrendWindow) return Fall::none;
  const std::span<const double> recent = std::span(values).last(kTrendWindow);
  double sum = 0;
  for (size_t j = 1; j < recent.size(); ++j)
    for (size_t i = 0; i < j; ++i)
      sum += recent[j] < recent[i] ? -1 : (recent[j] > recent[i] ? 1 : 0);
  const auto n = static_cast<double>(kTrendWindow);
  const double deviation = std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
  return sum < -kTrendDeviations * deviation ? Fall::on_the_whole : Fall::none;
}

}  // namespace

std::optional<Witness> witness_coverage(const Evidence& evidence, const config::Verdict& levels) {
  const double lost = levels.minimum_coverage * evidence.expected_coverage;
  const Found found =
      find_modes(evidence.coverage_by_mode, kThinCoverage * lost, levels.significance);
  if (found.modes.empty()) return std::nullopt;
  const bool far =
      find_modes(evidence.coverage_by_mode, lost, levels.significance).mass >= kComparedLostMass;
  return Witness{
      far ? State::collapsed : State::at_risk,
      "mode_dropping",
      fmt::format("share of the reals that the samples reach: {}; real samples at least {:.2g}; {}",
                  found.list(), evidence.expected_coverage, below_power(found.weakest)),
      {"coverage"},
      /*proof=*/false,
      found.names(),
      found.measured("reals reached", fmt::format("{:.2g}", evidence.expected_coverage))};
}

std::optional<Witness> witness_spread(const Evidence& evidence, const config::Verdict& levels) {
  const Found found =
      find_modes(evidence.spread_by_mode, levels.minimum_spread, levels.significance);
  if (found.modes.empty()) return std::nullopt;
  const bool far =
      find_modes(evidence.spread_by_mode, kVeryNarrow * levels.minimum_spread, levels.significance)
          .mass >= kComparedLostMass;
  return Witness{
      far ? State::collapsed : State::at_risk,
      "within_mode_collapse",
      fmt::format("variance over the data's in the narrowest direction: {}, below {:.2g}; {}",
                  found.list(), levels.minimum_spread, below_power(found.weakest)),
      {"dispersion"},
      /*proof=*/false,
      found.names(),
      found.measured("narrowest variance", "1")};
}

std::optional<Witness> witness_halves(const Evidence& evidence, const config::Verdict& levels) {
  const double limit = kOneSided * levels.minimum_spread;
  const Found found = find_modes(evidence.halves_by_mode, limit, levels.significance);
  if (found.modes.empty()) return std::nullopt;
  return Witness{State::at_risk,
                 "within_mode_collapse",
                 fmt::format("share of the samples in the emptier half over the data's: {}, below "
                             "{:.2g}; {}",
                             found.list(), limit, below_power(found.weakest)),
                 {"dispersion"},
                 /*proof=*/false,
                 found.names(),
                 found.measured("share of the emptier half", "1")};
}

std::optional<Witness> witness_distances(const Evidence& evidence, const config::Verdict& levels) {
  for (const CalibratedFigure& figure : evidence.calibrated) {
    if (figure.name != "distance_ratio" || figure.log10_tail > std::log10(levels.significance) ||
        !(figure.value < kNear * figure.null_median))
      continue;
    const bool far = figure.value < kVeryNear * figure.null_median;
    return Witness{
        far ? State::collapsed : State::at_risk,
        "duplicates",
        fmt::format("in feature space samples are {:.3g} times as far apart as the data; "
                    "{}",
                    figure.value, below_power(figure.log10_tail)),
        {"dispersion"},
        /*proof=*/false,
        {},
        {.what = "distance in features",
         .found = fmt::format("{:.3g}", figure.value),
         .expected = fmt::format("{:.3g}", figure.null_median),
         .log10_p = figure.log10_tail}};
  }
  return std::nullopt;
}

std::optional<Witness> witness_near_duplicates(const Evidence& evidence,
                                               const config::Verdict& levels) {
  for (const CalibratedFigure& figure : evidence.calibrated) {
    const double excess = figure.value - figure.null_median;
    if (figure.name != "near_duplicates" || figure.log10_tail > std::log10(levels.significance) ||
        excess < kNearDuplicates)
      continue;
    return Witness{
        excess >= kMostlyDuplicates ? State::collapsed : State::at_risk,
        "duplicates",
        fmt::format("{:.3g} % of the samples nearly equal another one, of real ones "
                    "{:.2g} %; {}",
                    100 * figure.value, 100 * figure.null_median, below_power(figure.log10_tail)),
        {"dispersion"},
        /*proof=*/false,
        {},
        {.what = "near duplicates",
         .found = fmt::format("{:.3g} %", 100 * figure.value),
         .expected = fmt::format("{:.2g} %", 100 * figure.null_median),
         .log10_p = figure.log10_tail}};
  }
  return std::nullopt;
}

std::optional<Witness> witness_copies(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.copies) return std::nullopt;
  const CopyFigures& figures = *evidence.copies;
  const double excess = copies_excess(figures);
  const double log10_tail = copies_log10_tail(figures);
  if (excess < kCopies || log10_tail > std::log10(levels.significance)) return std::nullopt;
  return Witness{
      excess >= kManyCopies ? State::collapsed : State::at_risk,
      "duplicates",
      fmt::format("{} of {} samples equal another one; of {} real ones {} do; {}",
                  figures.of_samples.copies, figures.of_samples.samples, figures.of_reals.samples,
                  figures.of_reals.copies, below_power(log10_tail)),
      {"copies"},
      /*proof=*/true,
      {},
      {.what = "exact copies",
       .found = fmt::format("{}", figures.of_samples.copies),
       .expected = fmt::format("{}", figures.of_reals.copies),
       .log10_p = log10_tail}};
}

std::optional<Witness> witness_saturation(const Evidence& evidence,
                                          const std::vector<PastEvaluation>& history) {
  const auto saturated = [](std::optional<double> margin) {
    return margin && *margin > kSaturated;
  };
  if (!saturated(evidence.discriminator_margin) || history.size() < 2) return std::nullopt;
  for (size_t i = 1; i <= 2; ++i)
    if (!saturated(value_of(history[history.size() - i], "discriminator_margin")))
      return std::nullopt;
  return Witness{State::at_risk,
                 "saturation",
                 fmt::format("the discriminator tells real from generated with a mean margin of "
                             "{:.3f} for three evaluations",
                             *evidence.discriminator_margin),
                 {"discriminator"},
                 /*proof=*/false,
                 {},
                 {.what = "D(real) - D(sample)",
                  .found = fmt::format("{:.3f}", *evidence.discriminator_margin),
                  .expected = fmt::format("{:.2f} at most", kSaturated)}};
}

std::vector<Witness> witness_trends(const Evidence& evidence,
                                    const std::vector<PastEvaluation>& history,
                                    const config::Verdict& levels) {
  struct Trend {
    const char* name;
    const char* words;
    const char* kind;
    const char* source;
    std::optional<double> now;
    double below;
    double cap;
  };
  const double any = std::numeric_limits<double>::infinity();
  const Trend trends[] = {
      {"kl_total", "KL", "posterior_collapse", "encoder", evidence.kl_total,
       kLowKl * levels.minimum_kl, any},
      {"r2_mean", "R2 against the mean of the data", "mean_collapse", "reconstruction",
       evidence.r2_mean, any, any},
      {"coverage", "coverage", "mode_dropping", "coverage", evidence.coverage, any, 1},
      {"mode_spread", "spread within modes", "within_mode_collapse", "dispersion",
       evidence.mode_spread, any, 1},
  };
  std::vector<Witness> witnesses;
  for (const Trend& trend : trends) {
    const Fall fall = fall_of(trend.now, history, trend.name);
    if (fall == Fall::none) continue;
    const double drop = fall == Fall::steady ? levels.trend_drop : kSlowFall * levels.trend_drop;
    // An untrained generator can be wider than the data: that is nothing to fall from.
    const double best = std::min(trend.cap, best_of(history, trend.name).value_or(0));
    if (*trend.now >= trend.below || *trend.now >= (1 - drop) * best) continue;
    witnesses.push_back(
        {State::at_risk,
         trend.kind,
         fmt::format("{} fell from {:.3g} to {:.3g}, {}", trend.words, best, *trend.now,
                     fall == Fall::steady ? "for three evaluations"
                                          : fmt::format("on the whole over {}", kTrendWindow)),
         {trend.source},
         /*proof=*/false,
         {},
         {.what = trend.words,
          .found = fmt::format("{:.3g}", *trend.now),
          .expected = fmt::format("{:.3g} before", best)}});
  }
  return witnesses;
}

extern const Instrument kCopiesInstrument{
    .name = "copies",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.copies ? 1 : 0; }};
extern const Instrument kCalibratedInstrument{
    .name = "calibrated figures",
    // Of what lies where no data is other figures speak.
    .tests = [](const Evidence& evidence) -> int64_t {
      return std::ranges::count_if(evidence.calibrated, [](const CalibratedFigure& figure) {
        return figure.name != "local_excess";
      });
    }};

}  // namespace allmodes::diagnostics
