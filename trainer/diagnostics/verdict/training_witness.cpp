// Of samples that are nearer to the training data than held-out data is.

#include <fmt/format.h>

#include <cmath>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kLearntByHeart = 0.02;  // share of the samples

}  // namespace

std::optional<Witness> witness_trained(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.training_copies) return std::nullopt;
  const TrainingCopies& figures = *evidence.training_copies;
  const double tail = training_copies_log10_tail(figures);
  const LearntShare learnt = learnt_share(figures);
  if (tail > std::log10(levels.significance) || learnt.share < kLearntByHeart) return std::nullopt;
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
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.training_copies ? 1 : 0; }};

}  // namespace allmodes::diagnostics
