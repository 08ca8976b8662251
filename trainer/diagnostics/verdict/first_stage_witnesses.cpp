// Of an autoencoder whose codes come from a book, and of the discriminator of its reconstructions:
// how much of the book is used, what the discriminator has made worse, and whether it tells
// anything apart.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "diagnostics/statistics/distributions.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kLeastPerplexity = 2;  // below, a code says less than one bit
constexpr double kWorse = 0.25;         // a rise of the error that matters, of the least one
constexpr double kRuined = 1.0;         // a rise that is a collapse
// Of pairs that a discriminator tells apart: below it does nothing; above it does its work.
constexpr double kHardlyTold = 0.6;
constexpr double kToldApart = 0.75;
constexpr size_t kIdleEvaluations = 3;
constexpr double kSureOfCode = 0.99;

// Of all codes that so many places could use.
double use_of(const CodeFigures& codes) {
  return codes.expected_used > 0 ? static_cast<double>(codes.used) / codes.expected_used : 1;
}

double told_share(const PairFigures& pairs) {
  return static_cast<double>(pairs.told) / static_cast<double>(std::max<int64_t>(1, pairs.pairs));
}

// The share of pictures with a code from which on it would have been found with 99 %, if pictures
// are independent.
std::string visible_code(const CodeFigures& codes) {
  const double share = 1 - std::pow(1 - kSureOfCode, 1 / static_cast<double>(codes.pictures));
  return fmt::format("a code that {:.2g} % of the pictures have would have been found (99 %)",
                     100 * share);
}

// The least error that an earlier evaluation had, and its standard error.
struct LeastError {
  double error, standard_error;
  uint64_t step;
};

std::optional<LeastError> least_error(const std::vector<PastEvaluation>& history) {
  std::optional<LeastError> least;
  for (const PastEvaluation& past : history) {
    const auto error = value_of(past, "reconstruction_error");
    const auto spread = value_of(past, "reconstruction_standard_error");
    if (error && spread && (!least || *error < least->error)) least = {*error, *spread, past.step};
  }
  return least;
}

}  // namespace

std::optional<Witness> witness_codebook(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.codes || evidence.codes->places == 0 || evidence.codes->codes < 2)
    return std::nullopt;
  const CodeFigures& codes = *evidence.codes;
  const double use = use_of(codes), halfway = (1 + levels.minimum_code_use) / 2;
  const bool one_answer = codes.perplexity < kLeastPerplexity && codes.codes > 2;
  if (use >= halfway && !one_answer) return std::nullopt;
  const int64_t dead = codes.codes - codes.used;
  std::string reason = fmt::format(
      "{} of {} codes ({:.3g} %) are at none of {} places of {} pictures, {:.0f} would "
      "be if all were equally likely; perplexity {:.4g}; {}",
      dead, codes.codes, 100 * static_cast<double>(dead) / static_cast<double>(codes.codes),
      codes.places, codes.pictures, static_cast<double>(codes.codes) - codes.expected_used,
      codes.perplexity, visible_code(codes));
  if (codes.dead_for)
    reason += fmt::format("; no batch had one of them for {} steps or more", *codes.dead_for);
  // A count of what a function gives on these pictures: nothing is left to chance.
  return Witness{use < levels.minimum_code_use || one_answer ? State::collapsed : State::at_risk,
                 "codebook_collapse",
                 reason,
                 {"codebook"},
                 /*proof=*/true,
                 {},
                 {.what = "codes in use",
                  .found = fmt::format("{} of {}", codes.used, codes.codes),
                  .expected = fmt::format("{:.0f} or more", halfway * codes.expected_used)}};
}

// Both evaluations see the same pictures, so that the standard error of a difference is smaller
// than what is taken for it here.
std::optional<Witness> witness_overpowered(const Evidence& evidence,
                                           const std::vector<PastEvaluation>& history,
                                           const config::Verdict& levels) {
  const auto least = least_error(history);
  if (!evidence.reconstruction || !evidence.pairs || !least) return std::nullopt;
  const ReconstructionFigures& now = *evidence.reconstruction;
  if (!(now.error > (1 + kWorse) * least->error)) return std::nullopt;
  const double noise = std::hypot(now.standard_error, least->standard_error);
  const double tail = noise > 0 ? normal_upper_log10((now.error - least->error) / noise) : -300;
  if (tail > std::log10(levels.significance)) return std::nullopt;
  const double told = told_share(*evidence.pairs);
  const bool ruined = now.error >= (1 + kRuined) * least->error;
  std::vector<std::string> sources{"reconstruction"};
  if (told >= kToldApart) sources.emplace_back("discriminator");
  return Witness{
      ruined ? State::collapsed : State::at_risk,
      "discriminator_overpowers",
      fmt::format(
          "the error of reconstructions rose from {:.4g} at step {} to {:.4g} ({:+.0f} %, "
          "{} pictures) while a discriminator takes part, which tells {:.0f} % of them from "
          "their originals; {}",
          least->error, least->step, now.error, 100 * (now.error / least->error - 1), now.pictures,
          100 * told, below_power(tail)),
      sources,
      /*proof=*/false,
      {},
      {.what = "error of reconstructions",
       .found = fmt::format("{:.4g}", now.error),
       .expected = fmt::format("{:.4g} before", least->error),
       .log10_p = tail}};
}

std::optional<Witness> witness_idle_discriminator(const Evidence& evidence,
                                                  const std::vector<PastEvaluation>& history,
                                                  const config::Verdict& levels) {
  if (!evidence.pairs || evidence.pairs->pairs == 0) return std::nullopt;
  const PairFigures& pairs = *evidence.pairs;
  // So few or fewer, of a discriminator that tells a share of kHardlyTold.
  const double tail = binomial_lower_log10(pairs.told, pairs.pairs, kHardlyTold);
  if (tail > std::log10(levels.significance) || history.size() + 1 < kIdleEvaluations)
    return std::nullopt;
  for (size_t i = 1; i < kIdleEvaluations; ++i) {
    const auto before = value_of(history[history.size() - i], "told_apart");
    if (!before || *before >= kHardlyTold) return std::nullopt;
  }
  return Witness{
      State::at_risk,
      "discriminator_idle",
      fmt::format("the discriminator scores {} of {} pictures higher than their reconstructions, "
                  "less than {:.0f} % in {} evaluations: its loss says nothing to the autoencoder",
                  pairs.told, pairs.pairs, 100 * kHardlyTold, kIdleEvaluations),
      {"discriminator"},
      /*proof=*/false,
      {},
      {.what = "pictures told apart",
       .found = fmt::format("{:.0f} %", 100 * told_share(pairs)),
       .expected = fmt::format("{:.0f} % or more", 100 * kHardlyTold),
       .log10_p = tail}};
}

extern const Instrument kCodebookInstrument{.name = "codebook",
                                            .tests = [](const Evidence&) -> int64_t { return 0; }};

extern const Instrument kReconstructionErrorInstrument{
    .name = "reconstruction error", .tests = [](const Evidence& evidence) -> int64_t {
      return evidence.reconstruction && evidence.pairs ? 1 : 0;
    }};

extern const Instrument kPairsInstrument{
    .name = "pairs",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.pairs ? 1 : 0; }};

}  // namespace allmodes::diagnostics
