#pragma once

// The verdict: whether the model has collapsed, how, and by which numbers; a pure function of one
// evaluation's evidence, the evaluations before it, and the levels of the configuration.
//
// Each witness is one instrument's finding: a state, a kind, a sentence, and the modes it concerns
// (witnesses.h; the levels and kinds are a table in docs/diagnostics.md). A statement about chance
// holds at test_level(), so that all of an evaluation's tests together raise a false alarm at most
// at the rate `significance`; beside it every one asks for an effect that matters.
//
// `collapsed` needs `witnesses` instruments that agree: about kinds that go together, and about one
// mode at least, where both name theirs. A witness alone says at_risk. A NaN is proof and needs no
// second one; so are exact copies. `collapsed` also needs to be found in `confirmations` of the
// last `window` evaluations, so never in a run's first one alone; after a collapse the first
// evaluation without one says at_risk.
//
// Only lost mass, shown by a histogram or by parts, is mode_dropping or mode_imbalance. Samples
// that do not lie on the data, or lack its finer differences, are `unformed`: at_risk, and what
// else is said of modes is then at_risk at most.
//
// The gravest state wins; within one state the order of the witnesses (causes before their
// effects). Until step grace_steps (so at step 0 always: nothing is trained) nothing worse than
// at_risk is said.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "diagnostics/latents/code_use.h"
#include "diagnostics/latents/linear_units.h"
#include "diagnostics/modes/emptied_region.h"
#include "diagnostics/modes/mode_histogram.h"
#include "diagnostics/modes/parts.h"
#include "diagnostics/statistics/copies.h"
#include "diagnostics/statistics/training_copies.h"

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

// Whether samples have the class that was asked for, by a classifier (or the nearest real).
struct LabelFigures {
  // The same of one class.
  struct OfClass {
    std::string name;
    int64_t right = 0;
    int64_t asked = 0;
    double accuracy = 1;
    double chance = 0;
  };
  int64_t right = 0;
  int64_t samples = 0;
  double accuracy = 1;  // of the same eye on reals that it has not seen, [0, 1]
  double chance = 0;    // share that would be right without a look at the labels, [0, 1)
  std::vector<OfClass> by_class = {};
};

// Samples that equal a real to the last bit, beside reals that equal another real.
struct CopiedReals {
  int64_t copied = 0;
  int64_t different = 0;  // reals that they equal
  int64_t samples = 0;
  int64_t repeated = 0;
  int64_t reals = 0;
  double log10_tail = 0;  // as CopiedRows has it
};

// Few things in many nearly equal samples.
struct RepeatedThings {
  double things = 0;  // how many, as equally frequent ones: 1 / sum of shares squared
  std::vector<std::string> classes = {};  // of whose samples, by the nearest real, they are a third
  double of_reals = 0;                    // share of reals that lie as close together
};

// Samples that lie in tight clumps with nothing around them, beside as many reals (clumps.h).
struct ClumpedSamples {
  int64_t samples = 0;                    // that were looked at
  double share = 0;                       // of the samples, [0, 1]
  double of_reals = 0;                    // [0, 1]
  double things = 0;                      // clumps, as equally large ones
  std::vector<std::string> classes = {};  // of whose samples, by the nearest real, they are a third
  double log10_tail = 0;                  // of so large a difference when both have one law
};

// Directions in which samples hardly vary where the data do (flat_directions.h).
struct FlatFigures {
  int64_t directions = 0;
  int64_t looked_at = 0;
  double width = 1;  // variance of the samples along them over the data's, >= 0
  double share = 0;  // of the data's variance within parts that lies along them
  double log10_tail = 0;
  std::vector<std::string> columns = {};  // of points: which of their numbers those are
};

// How far reconstructions of held-out pictures are from them.
struct ReconstructionFigures {
  double error = 0;           // mean absolute difference of values, >= 0
  double standard_error = 0;  // of that mean over pictures
  int64_t pictures = 0;
};

// Pairs of a picture and its reconstruction of which the discriminator scores the picture higher.
struct PairFigures {
  int64_t told = 0;
  int64_t pairs = 0;
};

// What one evaluation measured; what was not measured is left empty and is not judged.
struct Evidence {
  uint64_t step = 0;
  std::optional<ModeHistogram> modes = std::nullopt;  // not judged when it holds no sample
  // The same of the samples with the mean of the data, and stretched to their variance, as
  // local_loss_when_moved; where modes are classes that a classifier tells, and seem to be lost.
  std::optional<ModeHistogram> modes_when_moved = std::nullopt;
  // Mixtures: of the samples of high quality alone. Scatter does not fill a lost mode's place here.
  std::optional<ModeHistogram> good_modes = std::nullopt;
  // Share of reals that whoever sorts samples into `modes` sorts rightly; empty: all.
  std::optional<double> class_accuracy = std::nullopt;
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
  std::optional<double> information = std::nullopt;     // between sample and code, nats
  // Codes beside the prior (latent_aggregate.h): MMD^2, the null's 99 % quantile, effect size.
  std::optional<double> aggregate_mmd = std::nullopt;
  std::optional<double> aggregate_mmd_null_q99 = std::nullopt;
  std::optional<double> aggregate_discrepancy = std::nullopt;
  // Variance of the decoder's output over z ~ p(z), over the variance of the data, >= 0.
  std::optional<double> decoder_sensitivity = std::nullopt;
  std::optional<int64_t> active_units = std::nullopt;
  std::optional<int64_t> latent_dimensions = std::nullopt;
  std::optional<LinearUnits> linear_units = std::nullopt;         // what a linear VAE would keep
  std::optional<double> aggregate_mmd_log10_tail = std::nullopt;  // under that null
  std::vector<CalibratedFigure> calibrated = {};
  std::vector<ModeFigure> coverage_by_mode = {};  // shares, [0, 1]
  std::vector<ModeFigure> spread_by_mode = {};    // >= 0
  std::vector<ModeFigure> halves_by_mode = {};    // [0, 1]
  // What the least covered mode has when real samples are compared (median).
  double expected_coverage = 1;
  std::optional<double> coverage = std::nullopt;     // mean over modes, [0, 1]
  std::optional<double> mode_spread = std::nullopt;  // mean over modes, >= 0
  // Mean of D(real) - D(generated) in probabilities since the previous evaluation, [-1, 1]; of
  // scores that are no logits, the share that lie beyond all of the other's.
  std::optional<double> discriminator_margin = std::nullopt;
  std::optional<CopyFigures> copies = std::nullopt;
  std::optional<PartFindings> parts = std::nullopt;
  // Of a run whose modes are known: of each real that samples were compared with (Part::reals).
  std::vector<int64_t> mode_of_real = {};
  std::optional<LabelFigures> labels = std::nullopt;
  // Share of the data whose loss would have been found with 99 %; 1: none. Empty: not asked for.
  std::optional<double> smallest_loss = std::nullopt;
  std::optional<CopiedReals> copied_reals = std::nullopt;
  std::optional<TrainingCopies> training_copies = std::nullopt;
  // Where local_loss (pooled_null.h) lies; not set where it is 0.
  std::optional<EmptiedRegion> emptied = std::nullopt;
  // The same of local_shortage.
  std::optional<EmptiedRegion> shorted = std::nullopt;
  // Of local_surplus: there are more samples than of the data.
  std::optional<EmptiedRegion> crowded = std::nullopt;
  // local_loss and local_shortage, where one of them is of note, once the samples have the mean and
  // the variance of the data (moved_samples.h); not set where that would be too far a move.
  std::optional<double> local_loss_when_moved = std::nullopt;
  std::optional<double> local_shortage_when_moved = std::nullopt;
  std::optional<CodeFigures> codes = std::nullopt;
  std::optional<ReconstructionFigures> reconstruction = std::nullopt;
  std::optional<PairFigures> pairs = std::nullopt;        // while the discriminator takes part
  std::optional<RepeatedThings> repeated = std::nullopt;  // what near_fakes counts
  std::optional<ClumpedSamples> clumped = std::nullopt;
  std::optional<FlatFigures> flat = std::nullopt;  // parts and places are then judged without them
  // A side of the data that samples lack (lost_side.h), and the tail over all that were looked at.
  std::optional<EmptiedRegion> side = std::nullopt;
  double side_log10_tail = 0;
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

// A finding as a row of a table: what was measured, how much it is, beside what is expected.
struct FoundFigure {
  std::string what = {};               // "classes missing"
  std::string found = {};              // "0 to 3"
  std::string expected = {};           // "250 each"
  std::optional<double> log10_p = {};  // of the chance that samples that equal the data show it
};

// One finding that speaks for a state worse than healthy.
struct Witness {
  State state;
  std::string kind;
  std::string reason;
  std::vector<std::string> sources = {};  // the instruments that it rests on
  bool proof = false;                     // needs no second one: a NaN, exact copies
  std::vector<std::string> modes = {};    // that it is about; empty: all of the data
  FoundFigure measured = {};
  bool too_many = false;   // its modes have too many samples, not too few
  bool explained = false;  // it follows from the finding that decides (deciding.h)
};

struct Verdict {
  State state = State::healthy;
  State found = State::healthy;  // of this evaluation alone, before confirmations
  std::string kind = "none";     // of the gravest witness
  // One sentence with the numbers, all witnesses in it. Its first clause, up to the first "; ", is
  // what decided and which modes and parts are lost beside that.
  std::string reason;
  std::vector<Witness> witnesses;         // gravest first
  std::vector<MissingMode> missing;       // empty without a histogram
  std::vector<std::string> lost = {};     // names of modes, classes and parts without samples
  std::vector<std::string> starved = {};  // with far too few
  std::vector<std::string> narrow = {};   // made narrower than they are
  std::vector<std::string> crowded = {};  // with far too many
};

// The scalars of an evaluation that later verdicts look back on: kl_excess (reverse KL above the
// sampling floor), diversity_ratio, r2_mean, coverage, mode_spread, kl_total, discriminator_margin,
// reconstruction_error, reconstruction_standard_error, told_apart, where they were measured and
// finite.
NamedValues summary(const Evidence& evidence);
// And what the evaluation found by itself, as "found" (0 healthy, 1 at_risk, 2 collapsed), which
// confirmations count.
NamedValues summary(const Evidence& evidence, const Verdict& verdict);

// How many tests of significance the evidence admits, >= 1: each instrument says how many are its
// own (Instrument in witnesses.h).
int64_t test_count(const Evidence& evidence);

// The level of each of them: significance / test_count(), Bonferroni's correction. Not Holm's: with
// one step every figure has a threshold of its own that can be published before a sample is drawn,
// and at so few tests and such levels a second step would move it by a few per cent.
double test_level(const Evidence& evidence, const config::Verdict& levels);

// `history` is in order of steps, oldest first. Throws ExitCode::kSoftware for a histogram that
// check_histogram refuses, or levels outside their ranges.
Verdict judge(const Evidence& evidence, const std::vector<PastEvaluation>& history,
              const config::Verdict& levels);

// "verdict at step 3000: collapsed: mode_dropping, 3 of 10 classes missing (2, 5, 8); expected 250
// each of 2500, saw 0, 0, 1; p < 1e-110"; "verdict at step 3000: healthy: 8 of 8 modes covered,
// ...".
std::string to_line(const Verdict& verdict, uint64_t step);

}  // namespace allmodes::diagnostics
