#pragma once

// The verdict: whether the model has collapsed, how, and by which numbers; a pure function of one
// evaluation's evidence, the evaluations before it, and the levels of the configuration.
//
// Each witness speaks for a state (levels of config::Verdict by name). A statement about chance
// holds at test_level(), so that all of an evaluation's tests together raise a false alarm at most
// at the rate `significance`; beside it every one asks for an effect that matters:
//   divergence          collapsed: a NaN or infinity in the samples or in a figure, or in half the
//                       steps or more; at_risk: in some step
//   posterior_collapse  collapsed: KL < minimum_kl, no active unit, or decoder sensitivity < 0.001
//   mean_collapse       collapsed: R2 < minimum_r2; at_risk: below half of the best so far
//   duplicates          collapsed: diversity ratio < 0.05; at_risk: < 0.2, or below half of the
//                       best evaluation so far (at most 1)
//   unformed            at_risk: high_quality < minimum_high_quality, the samples do not lie on the
//                       modes yet; mode_dropping and mode_imbalance then say at most at_risk
//   mode_dropping       modes below dropped_share of their expectation, significant by the exact
//                       binomial tail with Bonferroni's correction; or, with few samples a mode,
//                       more unseen modes than significance and dropped_share * K allow. collapsed
//                       when the modes hold 1 % of the data or more, else at_risk
//   mode_dropping       also: of a mode's reals less than minimum_coverage of what real samples
//                       reach are reached (comparison.h): collapsed when such modes hold 1 % of the
//                       data; less than twice that: at_risk
//   mode_imbalance      reverse KL above the perfect sampler's quantile, and above its floor by
//                       more than imbalance_kl: at_risk; by three times that: collapsed; by more
//                       than half of it and growing for three evaluations: at_risk. Modes below a
//                       quarter of their expectation, significant: at_risk. Significant but smaller
//                       is healthy: no generator is perfect
//   within_mode_collapse  modes narrower than minimum_spread in some direction (comparison.h):
//                       at_risk; than a fifth of it: collapsed
//   duplicates          also: distances in feature space below half of the data's: at_risk; below a
//                       tenth: collapsed. Or near-duplicates (comparison.h) in excess of the data's
//                       by 5 % of the samples: at_risk; by half of them: collapsed. Or exact copies
//                       (copies.h) in excess by 0.5 %: at_risk; by 10 %: collapsed
//   saturation          at_risk: the discriminator tells real from generated with a mean margin
//                       above 0.98 in three evaluations: it teaches nothing any more
//   a trend             at_risk, under the kind it leads to: coverage, spread, R2, or a KL that is
//                       below ten times minimum_kl, falls for three evaluations to less than
//                       1 - trend_drop of the best
//   aggregate_mismatch  at_risk: moments of the aggregate posterior differ from the prior by more
//                       than 0.5 nats a dimension, or the codes' MMD^2 exceeds what two samples of
//                       the prior show (99 %) and is more than 0.1 of their likeness: what is drawn
//                       from the prior is not what the decoder has learnt
// `collapsed` needs `witnesses` instruments that agree: sources of which none is computed from
// another (histogram: what modes samples are taken for; coverage: whether reals are reached;
// dispersion: spread and distances of samples, the decoder's sensitivity; encoder: KL and active
// units; reconstruction: R2), about kinds that go together (modes and duplicates; posterior, mean
// and duplicates). A witness alone says at_risk. A NaN is proof and needs no second one; so are
// exact copies. `collapsed` also needs to be found in `confirmations` of the
// last `window` evaluations (of those there are); after a collapse the first evaluation without one
// says at_risk.
//
// The gravest state wins; within one state the order above (causes before their effects). Until
// step grace_steps (so at step 0 always: nothing is trained) nothing worse than at_risk is said.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "diagnostics/modes/mode_histogram.h"
#include "diagnostics/statistics/copies.h"

namespace allmodes::diagnostics {

enum class State { healthy, at_risk, collapsed };
std::string to_string(State state);

// A figure beside its null (calibration.h).
struct CalibratedFigure {
  std::string name;
  double value;
  double null_median;
  double log10_tail;  // of this value or a worse one under the null
};

// A mode's coverage, spread or halves (comparison.h), with the tail of the worst mode's null at its
// value.
struct ModeFigure {
  std::string name;
  double value;
  double mass;  // the mode's share of the data, (0, 1]
  double log10_tail;
};

// What one evaluation measured; what was not measured is left empty and is not judged.
struct Evidence {
  uint64_t step = 0;
  std::optional<ModeHistogram> modes = std::nullopt;  // not judged when it holds no sample
  std::string mode_noun = "modes";  // what the modes are called: "modes", "classes"
  // Where coverage asks more than one sample (mixtures: one of high quality); else from `modes`.
  std::optional<int64_t> modes_covered = std::nullopt;
  std::optional<double> high_quality = std::nullopt;  // mixtures, [0, 1]
  // Mean pairwise distance of the fakes over that of the reals, >= 0.
  std::optional<double> diversity_ratio = std::nullopt;
  std::optional<double> r2_mean = std::nullopt;         // against the training mean, <= 1
  std::optional<double> variance_ratio = std::nullopt;  // of reconstructions over inputs, >= 0
  std::optional<double> kl_total = std::nullopt;        // nats, >= 0
  std::optional<double> aggregate_kl = std::nullopt;    // nats, all dimensions, >= 0
  // Codes beside the prior (latent_aggregate.h): MMD^2, the null's 99 % quantile, effect size.
  std::optional<double> aggregate_mmd = std::nullopt;
  std::optional<double> aggregate_mmd_null_q99 = std::nullopt;
  std::optional<double> aggregate_discrepancy = std::nullopt;
  // Variance of the decoder's output over z ~ p(z), over the variance of the data, >= 0.
  std::optional<double> decoder_sensitivity = std::nullopt;
  std::optional<int64_t> active_units = std::nullopt;
  std::optional<int64_t> latent_dimensions = std::nullopt;
  std::optional<double> aggregate_mmd_log10_tail = std::nullopt;  // under that null
  std::vector<CalibratedFigure> calibrated = {};
  std::vector<ModeFigure> coverage_by_mode = {};  // shares, [0, 1]
  std::vector<ModeFigure> spread_by_mode = {};    // >= 0
  std::vector<ModeFigure> halves_by_mode = {};    // [0, 1]
  // What the least covered mode has when real samples are compared (median).
  double expected_coverage = 1;
  std::optional<double> coverage = std::nullopt;     // mean over modes, [0, 1]
  std::optional<double> mode_spread = std::nullopt;  // mean over modes, >= 0
  // Mean of D(real) - D(generated) in probabilities since the previous evaluation, [-1, 1].
  std::optional<double> discriminator_margin = std::nullopt;
  std::optional<CopyFigures> copies = std::nullopt;
  int64_t nonfinite_samples = 0;  // generated samples with a NaN or infinity
  int64_t nonfinite_steps = 0;    // steps with one, since the previous evaluation
  int64_t steps = 0;              // steps since the previous evaluation; 0: not known
};

using NamedValues = std::vector<std::pair<std::string, double>>;

// An earlier evaluation: its step and summary().
struct PastEvaluation {
  uint64_t step;
  NamedValues values;
};

// One finding that speaks for a state worse than healthy.
struct Witness {
  State state;
  std::string kind;
  std::string reason;
  std::vector<std::string> sources = {};  // the instruments that it rests on
  bool proof = false;                     // needs no second one: a NaN, exact copies
};

struct Verdict {
  State state = State::healthy;
  State found = State::healthy;      // of this evaluation alone, before confirmations
  std::string kind = "none";         // of the gravest witness
  std::string reason;                // one sentence with the numbers, all witnesses in it
  std::vector<Witness> witnesses;    // gravest first
  std::vector<MissingMode> missing;  // empty without a histogram
};

// The scalars of an evaluation that later verdicts look back on: kl_excess (reverse KL above the
// sampling floor), diversity_ratio, r2_mean, coverage, mode_spread, kl_total, discriminator_margin,
// where they were measured and finite.
NamedValues summary(const Evidence& evidence);
// And what the evaluation found by itself, as "found" (0 healthy, 1 at_risk, 2 collapsed), which
// confirmations count.
NamedValues summary(const Evidence& evidence, const Verdict& verdict);

// How many tests of significance the evidence admits, >= 1: three of a mode histogram (missing or
// starved, unseen, imbalance), one of the codes' MMD, one of the copies, one a calibrated figure.
int64_t test_count(const Evidence& evidence);

// The level of each of them: significance / test_count(), Bonferroni's correction. Not Holm's: with
// one step every figure has a threshold of its own that can be published before a sample is drawn,
// and at so few tests and such levels a second step would move it by a few per cent.
double test_level(const Evidence& evidence, const config::Verdict& levels);

// `history` is in order of steps, oldest first. Throws ExitCode::kSoftware for a histogram that
// check_histogram refuses, or levels outside their ranges. `more`: witnesses of what the evidence
// does not hold; within a state they come last.
Verdict judge(const Evidence& evidence, const std::vector<PastEvaluation>& history,
              const config::Verdict& levels, std::vector<Witness> more = {});

// "verdict at step 3000: collapsed: mode_dropping, 3 of 10 classes missing (2, 5, 8); expected 250
// each of 2500, saw 0, 0, 1; p < 1e-110"; "verdict at step 3000: healthy: 8 of 8 modes covered,
// ...".
std::string to_line(const Verdict& verdict, uint64_t step);

}  // namespace allmodes::diagnostics
