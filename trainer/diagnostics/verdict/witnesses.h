#pragma once

// The single findings that the verdict is made of; each returns at most one witness. See verdict.h
// for what each says.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {

// What tests the evidence: a row `extern const Instrument kNAME{...}` in the file of its witness;
// the build finds the rows (docs/extending.md). Each counts its own tests, which share the
// false-alarm rate of an evaluation: test_count() is their sum.
struct Instrument {
  std::string_view name;
  // How many tests of significance it makes of this evidence, >= 0.
  int64_t (*tests)(const Evidence& evidence);
  // What it finds at `levels`, whose significance is that of each test. Null for those whose place
  // among the witnesses is stated in verdict.cpp; the others come behind these.
  std::optional<Witness> (*find)(const Evidence& evidence, const config::Verdict& levels) = nullptr;
};

// All rows, by cmake/Rooms.cmake.
std::span<const Instrument* const> instruments();

// A figure below this share of the best that the run has had is a fall.
constexpr double kFallen = 0.5;

// Of an earlier evaluation's summary.
std::optional<double> value_of(const PastEvaluation& past, std::string_view name);
// The largest there was.
std::optional<double> best_of(const std::vector<PastEvaluation>& history, std::string_view name);
// "1, 2, 3" or "1, 2, ... and 4 more".
std::string list_of(const std::vector<std::string>& items);
// "p < 1e-12": the smallest power of ten that is above 10^log10_value.
std::string below_power(double log10_value);

std::optional<Witness> witness_divergence(const Evidence& evidence);
std::optional<Witness> witness_duplicates(const Evidence& evidence,
                                          const std::vector<PastEvaluation>& history);
std::optional<Witness> witness_posterior(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_mean(const Evidence& evidence,
                                    const std::vector<PastEvaluation>& history,
                                    const config::Verdict& levels);
// Modes that lack samples, and those that lack good ones where scatter has filled their place;
// those whose samples are told by the place where narrow ones lie are none (modes_when_moved).
std::vector<MissingMode> missing_of(const Evidence& evidence, const config::Verdict& levels);
// Share of all samples that missing modes lack.
double lost_share(const Evidence& evidence, const std::vector<MissingMode>& missing);
std::optional<Witness> witness_dropping(const Evidence& evidence,
                                        const std::vector<MissingMode>& missing,
                                        const config::Verdict& levels);
std::optional<Witness> witness_imbalance(const Evidence& evidence,
                                         const std::vector<PastEvaluation>& history,
                                         const config::Verdict& levels);
std::optional<Witness> witness_unformed(const Evidence& evidence, const config::Verdict& levels);
// Without levels the MMD is held against its null's 99 % quantile.
std::optional<Witness> witness_aggregate(const Evidence& evidence,
                                         const std::optional<config::Verdict>& levels = {});

// Of a feature space (comparison.h); levels.significance is that of each test.
std::optional<Witness> witness_coverage(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_spread(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_halves(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_distances(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_near_duplicates(const Evidence& evidence,
                                               const config::Verdict& levels);

// Of the codes of a book: how many of them are used. Counted, so that no test is made.
std::optional<Witness> witness_codebook(const Evidence& evidence, const config::Verdict& levels);
// Of an autoencoder with a discriminator of its reconstructions: what it has made worse, and
// whether it tells anything apart.
std::optional<Witness> witness_overpowered(const Evidence& evidence,
                                           const std::vector<PastEvaluation>& history,
                                           const config::Verdict& levels);
std::optional<Witness> witness_idle_discriminator(const Evidence& evidence,
                                                  const std::vector<PastEvaluation>& history,
                                                  const config::Verdict& levels);

// Parts of the data (parts.h): lost or starved ones; ones that are made too narrow; too few samples
// to see even the loss of most of the data.
std::optional<Witness> witness_parts(const Evidence& evidence);
std::optional<Witness> witness_narrow_parts(const Evidence& evidence);
std::optional<Witness> witness_few_samples(const Evidence& evidence);

// Where samples lie beside reals (pooled_null.h): off the data (lies_away), or without its finer
// differences (lacks_detail); pictures much smoother or rougher than reals like them
// (other_detail); much nearer to single reals than reals are to each other, or equal to one; hardly
// any among a part of the data; few things in many copies.
bool lies_away(const Evidence& evidence);
// Share of the samples off the data, beyond that of real samples; 0 where it was not measured.
double share_off_data(const Evidence& evidence);
bool lacks_detail(const Evidence& evidence);
bool other_detail(const Evidence& evidence);
// Pictures with more fine detail than reals like them have, or a tenth of the samples so.
bool is_noisy(const Evidence& evidence);
// The samples' variance within parts, over the data's, below which they are narrow as a whole, and
// a little so.
constexpr double kNarrowAll = 0.75;
constexpr double kNarrowALittle = 0.9;
bool narrower_than(double width, const Evidence& evidence);
// log10 of p, from which samples are surely too many in some places.
constexpr double kSureSurplus = -3;
// The share of the data, 0 to 1, that has to be lost before mass is spoken of: samples that are too
// narrow, too smooth, spread out or off the data leave places for that alone.
double least_sure_loss(const Evidence& evidence);
// Whether parts that hold a twentieth of the data are narrow: then the outskirts of others are,
// too.
bool some_narrow(const Evidence& evidence);
// The same of half of the data: what lies beyond a plane, or lacks detail, is so for that reason.
bool mostly_narrow(const Evidence& evidence);
// Whether samples vary more within parts than the data do, as with noise, and lie where those are
// rarer.
bool wide_all(const Evidence& evidence);
// The same of what neighbours and sides show; samples that are narrower as a whole leave the
// outskirts of every part, and those that are wider its densest place.
double least_sure_local_loss(const Evidence& evidence);
// Whether parts show a loss that neither width nor place explains.
bool loses_parts(const Evidence& evidence);
std::optional<Witness> witness_detail(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_copied(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_trained(const Evidence& evidence, const config::Verdict& levels);
// What asked about a place: the instrument, what it counted, and its tail.
struct PlaceTest {
  const char* source;
  const char* what;
  double log10_tail;
};
// The finding that a place has another share of the samples than of the data. It is about the
// place's part, and the classes that it is of, or else the one that most of it is.
Witness witness_of_place(const EmptiedRegion& region, State state, std::string kind,
                         std::string reason, const PlaceTest& test);
std::optional<Witness> witness_local_loss(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_side(const Evidence& evidence, const config::Verdict& levels);
// The place that a witness of lost mass is about, where it is none of the parts' tree; null for
// others.
const EmptiedRegion* lost_place(const Evidence& evidence, const Witness& witness);
// Whether samples are rows of the training data (or of the reals) drawn at random: what repeats
// among them is then no fault of its own.
bool handed_back(const Evidence& evidence);
// Samples that are moved, or distorted otherwise: nearly as many are too many in some places as are
// too few in others. Where mass is lost alone, the others are a little more everywhere.
bool as_much_elsewhere(const Evidence& evidence);
// Of a loss in places at least `least` is left, and half of it, when all samples are moved a little
// (`when_moved`, if that was asked): else they were left by that move, and nothing is lost.
bool stays_when_moved(double loss, std::optional<double> when_moved, double least);
// Whether that is so of all that local_loss and local_shortage show.
bool left_by_move(const Evidence& evidence);
// Whether samples are as the data, but too many in one place, and so a little fewer in all others.
bool crowds_a_place_alone(const Evidence& evidence);
// Whether a group of the data that lies apart from the rest is all that local_loss shows.
bool loses_a_group_apart(const Evidence& evidence);
// Whether a tenth of the data or more is left out, or made too rarely, and the rest is as it was:
// it is reached, and nowhere are samples more than that makes them, as where they are drawn
// together.
bool lacks_places_alone(const Evidence& evidence);
// Whether the place lies in parts that have their share of samples, which are few things: there are
// none between them, and no mass is lost.
bool lies_amid_few_things(const EmptiedRegion& region, const Evidence& evidence);
// Amid the places that are short of samples some have hardly any (EmptiedRegion): what is there is
// lost, and the samples around it are of what looks alike.
bool has_lost_core(const Evidence& evidence);
// Share of the samples that are few things in many copies, beyond chance; 0 where the reals lie as
// close together somewhere.
double repeated_beyond_reals(const Evidence& evidence);
std::optional<Witness> witness_clumps(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_flat(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_repeated(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_away(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_smooth(const Evidence& evidence, const config::Verdict& levels);
// For where nothing else was found: samples that reach less of the data than real samples do, are
// moved, narrower or wider as a whole (whole_shape.h), or lie where the data are rarer.
std::optional<Witness> witness_reach(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_whole(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_density(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_memory(const Evidence& evidence, const config::Verdict& levels);

// Conditional samples that do not have the class that was asked for.
std::optional<Witness> witness_labels(const Evidence& evidence, const config::Verdict& levels);

// A figure of the evidence that was calibrated; null where it was not measured.
const CalibratedFigure* calibrated_figure(const Evidence& evidence, std::string_view name);
// By how much a figure exceeds the median of its null; 0 where it was not measured.
double value_over_null(const Evidence& evidence, std::string_view name);
// A figure in units of its null's median; 1 where there is none.
double over_null(const CalibratedFigure* figure);
// The figure as the table of what was found has it, called `what`.
FoundFigure measured_of(const char* what, const CalibratedFigure& figure);
// A risk that concerns all of the data and rests on one instrument.
Witness risk_of(std::string kind, std::string reason, const char* source, FoundFigure measured);
// A share of the samples beside that of real ones, as the table of what was found has it.
FoundFigure measured_share(const char* what, const CalibratedFigure& figure);
// Samples that are few things in many copies, as `reason` says of how many; `most`: for a collapse.
// Of one thing, or hardly more, they are duplicates, else too narrow a part.
Witness witness_of_copies(const RepeatedThings& found, std::string reason, bool most,
                          FoundFigure measured);
// Whether it is unlikely under its null at the level.
bool significant(const CalibratedFigure* figure, const config::Verdict& levels);

// Of the samples as they are (copies.h).
std::optional<Witness> witness_copies(const Evidence& evidence, const config::Verdict& levels);

// Before a collapse: what moves towards one.
std::optional<Witness> witness_saturation(const Evidence& evidence,
                                          const std::vector<PastEvaluation>& history);
std::vector<Witness> witness_trends(const Evidence& evidence,
                                    const std::vector<PastEvaluation>& history,
                                    const config::Verdict& levels);

}  // namespace allmodes::diagnostics
