// Of an encoder and its codes: what the posterior carries, what reconstructions keep, where the
// codes lie beside the prior.

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

constexpr double kInsensitive = 1e-3;
// Nats between the codes' moments and the prior's that are still a match: of all together, and of
// each dimension, whose own small offsets add up. At eight dimensions moved alike 0.9 is 0.47
// deviations each: 40 % of the prior's samples then lie where there are hardly any codes.
constexpr double kAggregateNats = 0.5;
constexpr double kAggregateNatsEach = 0.05;
constexpr double kAggregateDiscrepancy = 0.1;

// At most nine tenths of the units that a linear VAE would keep, and reconstructions that leave
// far more than its would. (A curved encoder may need fewer units, and then leaves less.)
constexpr double kFewUnits = 0.9;
constexpr double kMuchLeft = 2;
constexpr double kMuchMoreLeft = 0.05;  // of the data's variance

// The first two signs are the clause that stands for all (report::brief_of).
std::string sentence_of(const std::vector<std::string>& signs) {
  const auto rest = signs.begin() + std::min<std::ptrdiff_t>(2, std::ssize(signs));
  std::string text = fmt::format("{}", fmt::join(signs.begin(), rest, ", "));
  for (auto sign = rest; sign != signs.end(); ++sign) text += "; " + *sign;
  return text;
}

// A KL that is all offset of the codes from the prior tells nothing of the samples.
bool says_nothing(const Evidence& evidence, const config::Verdict& levels) {
  return evidence.information && *evidence.information < levels.minimum_kl;
}

}  // namespace

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
  if (says_nothing(evidence, levels)) {
    sources = {"encoder"};
    signs.push_back(fmt::format("codes tell {:.3g} nats of their samples, below {:.3g}",
                                *evidence.information, levels.minimum_kl));
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
      by_kl      ? FoundFigure{.what = "KL to the prior, nats",
                               .found = fmt::format("{:.3g}", *evidence.kl_total),
                               .expected = fmt::format("{:.3g} or more", levels.minimum_kl)}
      : by_units ? FoundFigure{.what = "active units", .found = "0", .expected = "1 or more"}
      : says_nothing(evidence, levels)
          ? FoundFigure{.what = "nats told by the code",
                        .found = fmt::format("{:.3g}", *evidence.information),
                        .expected = fmt::format("{:.3g} or more", levels.minimum_kl)}
          : FoundFigure{.what = "answer to the code",
                        .found = fmt::format("{:.3g}", *evidence.decoder_sensitivity),
                        .expected = fmt::format("{:.3g} or more", kInsensitive)};
  return Witness{State::collapsed,
                 "posterior_collapse",
                 sentence_of(signs),
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

std::optional<Witness> witness_aggregate(const Evidence& evidence,
                                         const std::optional<config::Verdict>& levels) {
  std::vector<std::string> signs;
  const bool calibrated = levels && evidence.aggregate_mmd_log10_tail;
  const bool significant =
      calibrated ? *evidence.aggregate_mmd_log10_tail < std::log10(levels->significance)
                 : evidence.aggregate_mmd && evidence.aggregate_mmd_null_q99 &&
                       *evidence.aggregate_mmd > *evidence.aggregate_mmd_null_q99;
  if (evidence.aggregate_kl && evidence.latent_dimensions.value_or(0) >= 1) {
    const auto dimensions = static_cast<double>(*evidence.latent_dimensions);
    const double most = kAggregateNats + kAggregateNatsEach * dimensions;
    if (*evidence.aggregate_kl > most)
      signs.push_back(
          fmt::format("the codes are {:.3g} nats from the prior, {:.3g} a dimension; above {:.3g}",
                      *evidence.aggregate_kl, *evidence.aggregate_kl / dimensions, most));
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

namespace {

std::optional<Witness> witness_partial_posterior(const Evidence& evidence, const config::Verdict&) {
  const auto& linear = evidence.linear_units;
  if (!linear || !evidence.active_units || !evidence.r2_mean || *evidence.active_units == 0 ||
      static_cast<double>(*evidence.active_units) > kFewUnits * static_cast<double>(linear->units))
    return std::nullopt;
  const double left = 1 - *evidence.r2_mean;
  if (!(left > kMuchLeft * linear->residual) || !(left > linear->residual + kMuchMoreLeft))
    return std::nullopt;
  return Witness{
      State::at_risk,
      "posterior_collapse",
      fmt::format("{} units are active where a linear VAE of these data would keep {}; "
                  "reconstructions leave {:.1f} % of the variance, its would {:.1f} %",
                  *evidence.active_units, linear->units, 100 * left, 100 * linear->residual),
      {"encoder"},
      /*proof=*/false,
      {},
      {.what = "active units",
       .found = fmt::format("{}", *evidence.active_units),
       .expected = fmt::format("{}", linear->units)}};
}

}  // namespace

// No test of significance: counts of units.
extern const Instrument kPartialPosteriorInstrument{
    .name = "partial posterior",
    .tests = [](const Evidence&) -> int64_t { return 0; },
    .find = witness_partial_posterior};
extern const Instrument kAggregateInstrument{.name = "aggregate posterior",
                                             .tests = [](const Evidence& evidence) -> int64_t {
                                               return evidence.aggregate_mmd_log10_tail ? 1 : 0;
                                             }};

}  // namespace allmodes::diagnostics
