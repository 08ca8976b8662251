// Of samples that are nearer to the training data than held-out data is.

#include <fmt/format.h>

#include <cmath>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kLearntByHeart = 0.02;  // share of the samples
constexpr double kCrowdedAtLeast = 0.05;
// Of the different rows that as many draws with replacement would be.
constexpr double kAsDrawn = 0.8;

bool as_drawn(int64_t copied, int64_t different, int64_t rows) {
  if (copied < 2 || rows < 1) return false;
  const auto all = static_cast<double>(rows);
  const double expected = all * -std::expm1(-static_cast<double>(copied) / all);
  return static_cast<double>(different) >= kAsDrawn * expected;
}

std::optional<Witness> crowded_witness(const TrainingCopies& figures,
                                       const config::Verdict& levels) {
  const auto& crowding = figures.crowding;
  if (crowding.log10_tail > std::log10(levels.significance) || crowding.share < kCrowdedAtLeast)
    return std::nullopt;
  return Witness{
      State::at_risk,
      "memorized",
      fmt::format(
          "samples crowd around the {} training samples: {:.3g} about each, {:.3g} about a "
          "held-out one; at least {:.0f} % ({:.0f} to {:.0f} %, 99 %) of the {} samples are "
          "copies with noise; {}",
          figures.training, crowding.of_training, crowding.of_held_out, 100 * crowding.share,
          100 * crowding.low, 100 * crowding.high, figures.samples,
          below_power(crowding.log10_tail)),
      {"memory"},
      /*proof=*/false,
      {},
      {.what = "samples about a training sample",
       .found = fmt::format("{:.3g}", crowding.of_training),
       .expected = fmt::format("{:.3g}", crowding.of_held_out),
       .log10_p = crowding.log10_tail}};
}

}  // namespace

bool handed_back(const Evidence& evidence) {
  const auto& training = evidence.training_copies;
  const auto& reals = evidence.copied_reals;
  // Beyond those, hardly any sample equals another one.
  const int64_t repeats = evidence.copies ? evidence.copies->of_samples.repeats : 0;
  const auto explains = [&](int64_t copied, int64_t different, int64_t rows) {
    return as_drawn(copied, different, rows) && 2 * (copied - different) >= repeats;
  };
  return (training && explains(training->copied, training->different, training->training)) ||
         (reals && explains(reals->copied, reals->different, reals->reals));
}

std::optional<Witness> witness_trained(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.training_copies) return std::nullopt;
  const TrainingCopies& figures = *evidence.training_copies;
  const double tail = training_copies_log10_tail(figures);
  const LearntShare learnt = learnt_share(figures);
  if (tail > std::log10(levels.significance) || learnt.share < kLearntByHeart)
    return crowded_witness(figures, levels);
  return Witness{
      State::at_risk,
      "memorized",
      fmt::format("{:.1f} % of the samples are learnt by heart ({:.1f} to {:.1f} %, 99 %): {} of "
                  "{} are as near to one of {} training samples, beside held-out ones, as {} of {} "
                  "held-out samples are; {}",
                  100 * learnt.share, 100 * learnt.low, 100 * learnt.high, learnt.near.samples,
                  figures.samples, figures.training, learnt.near.held_out, figures.held_out,
                  below_power(tail)),
      {"memory"},
      /*proof=*/false,
      {},
      {.what = "learnt by heart",
       .found = fmt::format("{:.1f} %", 100 * learnt.share),
       .expected = "0 %",
       .log10_p = tail}};
}

extern const Instrument kTrainingCopiesInstrument{
    .name = "training copies",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.training_copies ? 2 : 0; }};

}  // namespace allmodes::diagnostics
