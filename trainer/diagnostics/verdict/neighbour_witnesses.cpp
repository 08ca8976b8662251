// Witnesses of where samples lie beside reals: on the data or off it, learnt by heart, repeated, or
// nowhere near a part of it (pooled_null.h).

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "diagnostics/statistics/distributions.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kAway = 0.8;           // precision over that of real samples
constexpr double kSomeAway = 0.9;       // the same: a part of the samples
constexpr double kSmooth = 0.5;         // recall over that of real samples
constexpr double kMemory = 0.02;        // share of the samples, in excess
constexpr double kCopiedReals = 0.005;  // the same, of exact copies
constexpr double kLocalLoss = 0.02;
// Of the data, where a group lies apart from all else: no imperfection at the rim of the data.
constexpr double kGroupApart = 0.005;
constexpr double kMostlyApart = 0.8;  // of the reals around which there are hardly any samples
constexpr double kMuchLocalLoss = 0.03;
constexpr double kLeftByMove = 0.5;  // of the loss
constexpr double kMuchLeftOut = 0.1;
constexpr double kSureLoss = -4;          // log10 of p
constexpr double kReachedLess = 0.1;      // of what recall is of real samples, beside the loss
constexpr double kNoMoreElsewhere = 0.2;  // of the loss, at most
constexpr double kLostThoughNarrowAll = 0.2;
constexpr double kLostThoughSomeNarrow = 0.1;
constexpr double kLostThoughWide = 0.1;  // what is spread out is rarer where the data are densest
// Samples that are moved, narrowed or noisy leave places, and are as many too many in others.
constexpr double kMostElsewhere = 0.5;  // of the loss
constexpr double kHardlyMade = 0.2;     // of the region's share: lost; else short of samples
constexpr double kAmidFewThings = 0.7;  // of the region's reals
constexpr double kRepeatedSamples = 0.03;
constexpr double kOneThing = 3;
constexpr double kRealsAsDense = 0.5;  // of the repeated samples' share
constexpr double kManyRepeated = 0.5;

// Samples on reals' balls, beside real ones: pooled (precision) or beside a reference (on_data).
const CalibratedFigure* share_on_reals(const Evidence& evidence) {
  const CalibratedFigure* precision = calibrated_figure(evidence, "precision");
  return precision != nullptr ? precision : calibrated_figure(evidence, "on_data");
}

}  // namespace

double over_null(const CalibratedFigure* figure) {
  return figure != nullptr && figure->null_median > 0 ? figure->value / figure->null_median : 1.0;
}

const CalibratedFigure* calibrated_figure(const Evidence& evidence, std::string_view name) {
  for (const CalibratedFigure& figure : evidence.calibrated)
    if (figure.name == name) return &figure;
  return nullptr;
}

double value_over_null(const Evidence& evidence, std::string_view name) {
  const CalibratedFigure* figure = calibrated_figure(evidence, name);
  return figure != nullptr ? figure->value - figure->null_median : 0;
}

FoundFigure measured_of(const char* what, const CalibratedFigure& figure) {
  return {.what = what,
          .found = fmt::format("{:.3g}", figure.value),
          .expected = fmt::format("{:.3g}", figure.null_median),
          .log10_p = figure.log10_tail};
}

bool significant(const CalibratedFigure* figure, const config::Verdict& levels) {
  return figure != nullptr && figure->log10_tail <= std::log10(levels.significance);
}

double share_off_data(const Evidence& evidence) {
  return std::max(0.0, 1 - over_null(share_on_reals(evidence)));
}

bool lies_away(const Evidence& evidence) {
  return over_null(share_on_reals(evidence)) < kAway;
}

bool lacks_detail(const Evidence& evidence) {
  return over_null(calibrated_figure(evidence, "recall")) < kSmooth;
}

std::optional<Witness> witness_away(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* precision = share_on_reals(evidence);
  if (!significant(precision, levels) || over_null(precision) >= kSomeAway) return std::nullopt;
  return Witness{
      State::at_risk,
      "unformed",
      fmt::format("{:.1f} % of the samples lie on the data, of real samples {:.1f} %; {}",
                  100 * precision->value, 100 * precision->null_median,
                  below_power(precision->log10_tail)),
      {"precision"},
      /*proof=*/false,
      {},
      measured_of("samples on the data", *precision)};
}

std::optional<Witness> witness_smooth(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* recall = calibrated_figure(evidence, "recall");
  if (!significant(recall, levels) || !lacks_detail(evidence) || lies_away(evidence) ||
      other_detail(evidence) || loses_parts(evidence))
    return std::nullopt;
  // Pictures may lack what is fine in them; points that lie on the data and reach little of it are
  // too narrow in some of their dimensions.
  const bool pictures = calibrated_figure(evidence, "detail") != nullptr;
  // Pictures that are narrow alone lie on the data.
  const bool narrow = !pictures || (narrower_than(kNarrowAll, evidence) &&
                                    !significant(calibrated_figure(evidence, "invented"), levels));
  std::string reason = fmt::format("recall {:.3f}, of real samples {:.3f}; {}", recall->value,
                                   recall->null_median, below_power(recall->log10_tail));
  if (narrower_than(kNarrowAll, evidence))
    reason += fmt::format("; the samples' variance within parts is {:.2g} of the data's",
                          evidence.parts->width);
  else
    reason += narrow ? "; the samples crowd where the data are dense, or are few things repeated"
                     : "; the samples are smoother than the data, or few things repeated";
  return Witness{State::at_risk,
                 narrow ? "within_mode_collapse" : "unformed",
                 reason,
                 {"recall"},
                 /*proof=*/false,
                 {},
                 measured_of("recall", *recall)};
}

std::optional<Witness> witness_memory(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* near = calibrated_figure(evidence, "near_reals");
  const double excess = near != nullptr ? near->value - near->null_median : 0;
  if (!significant(near, levels) || excess < kMemory) return std::nullopt;
  std::string reason = fmt::format(
      "{:.1f} % of the samples are four times as near to a real as that is to any other one; with "
      "reals and samples mixed {:.2g} %; {}",
      100 * near->value, 100 * near->null_median, below_power(near->log10_tail));
  if (evidence.copied_reals && evidence.copied_reals->copied > 0)
    reason += fmt::format("; {} equal a real to the last bit", evidence.copied_reals->copied);
  return Witness{State::at_risk,  "memorized", reason,
                 {"memory"},
                 /*proof=*/false, {},          measured_of("samples nearly reals", *near)};
}

std::optional<Witness> witness_copied(const Evidence& evidence, const config::Verdict& levels) {
  if (!evidence.copied_reals) return std::nullopt;
  const CopiedReals& figures = *evidence.copied_reals;
  const double share = static_cast<double>(figures.copied) /
                       static_cast<double>(std::max<int64_t>(1, figures.samples));
  const double of_reals = static_cast<double>(figures.repeated) /
                          static_cast<double>(std::max<int64_t>(1, figures.reals));
  if (share - of_reals < kCopiedReals || figures.log10_tail > std::log10(levels.significance))
    return std::nullopt;
  return Witness{
      State::at_risk,
      "memorized",
      fmt::format("{} of {} samples equal a real to the last bit ({:.1f} to {:.1f} %, 99 %); of {} "
                  "reals {} equal another one; {}",
                  figures.copied, figures.samples,
                  100 * binomial_lower_bound(figures.copied, figures.samples, 0.005),
                  100 * binomial_upper_bound(figures.copied, figures.samples, 0.005), figures.reals,
                  figures.repeated, below_power(figures.log10_tail)),
      {"memory"},
      /*proof=*/false,
      {},
      {.what = "samples equal to a real",
       .found = fmt::format("{}", figures.copied),
       .expected = fmt::format("{:.3g}", of_reals * static_cast<double>(figures.samples)),
       .log10_p = figures.log10_tail}};
}

double least_sure_local_loss(const Evidence& evidence) {
  if (lacks_places_alone(evidence)) return 0;
  // A group apart is no rim of what is narrow. (A part that lost it is narrower for that.)
  if (loses_a_group_apart(evidence) && !mostly_narrow(evidence) &&
      !narrower_than(kNarrowAll, evidence) && !wide_all(evidence))
    return 0;
  const double least = narrower_than(kNarrowAll, evidence) ? kLostThoughNarrowAll
                       : some_narrow(evidence) || narrower_than(kNarrowALittle, evidence)
                           ? kLostThoughSomeNarrow
                       : wide_all(evidence) ? kLostThoughWide
                                            : 0;
  return std::max(least_sure_loss(evidence), least);
}

double repeated_beyond_reals(const Evidence& evidence) {
  const CalibratedFigure* near = calibrated_figure(evidence, "near_fakes");
  if (near == nullptr) return 0;
  // As dense as the data are somewhere: samples that are narrower are so as a whole.
  if (evidence.repeated && evidence.repeated->of_reals >= kRealsAsDense * near->value) return 0;
  return std::max(0.0, near->value - near->null_median);
}

bool lacks_places_alone(const Evidence& evidence) {
  const CalibratedFigure* surplus = calibrated_figure(evidence, "local_surplus");
  // What noise spreads out is rarer where the data are densest, and nowhere too much.
  if (surplus == nullptr || surplus->log10_tail <= kSureSurplus || wide_all(evidence)) return false;
  const CalibratedFigure* recall = calibrated_figure(evidence, "recall");
  if (recall == nullptr) return false;
  const double reached = over_null(recall);
  return std::ranges::any_of(std::array{"local_loss", "local_shortage"}, [&](const char* name) {
    const CalibratedFigure* loss = calibrated_figure(evidence, name);
    return loss != nullptr && loss->value >= kMuchLeftOut && loss->log10_tail <= kSureLoss &&
           surplus->value - surplus->null_median < kNoMoreElsewhere * loss->value &&
           reached >= 1 - loss->value - kReachedLess;
  });
}

bool stays_when_moved(double loss, std::optional<double> when_moved, double least) {
  return !when_moved || *when_moved >= least || *when_moved >= kLeftByMove * loss;
}

bool loses_a_group_apart(const Evidence& evidence) {
  return evidence.emptied && evidence.emptied->apart >= kGroupApart &&
         evidence.emptied->apart >= kMostlyApart * evidence.emptied->part.share;
}

bool left_by_move(const Evidence& evidence) {
  const CalibratedFigure* loss = calibrated_figure(evidence, "local_loss");
  const CalibratedFigure* shortage = calibrated_figure(evidence, "local_shortage");
  if (loss == nullptr || shortage == nullptr || !evidence.local_loss_when_moved) return false;
  const auto left = [](double value, std::optional<double> when_moved) {
    return value < kLocalLoss ? *when_moved < kLocalLoss
                              : !stays_when_moved(value, when_moved, kLocalLoss);
  };
  return std::max(loss->value, shortage->value) >= kLocalLoss &&
         left(loss->value, evidence.local_loss_when_moved) &&
         left(shortage->value, evidence.local_shortage_when_moved);
}

bool lies_amid_few_things(const EmptiedRegion& region, const Evidence& evidence) {
  return region.in_thin >= kAmidFewThings && !loses_parts(evidence);
}

Witness witness_of_place(const EmptiedRegion& region, State state, std::string kind,
                         std::string reason, const PlaceTest& test) {
  const Part& part = region.part;
  Witness witness{state,
                  std::move(kind),
                  std::move(reason),
                  {test.source},
                  /*proof=*/false,
                  {part.name},
                  {.what = test.what,
                   .found = fmt::format("{:.1f} %", 100 * part.made),
                   .expected = fmt::format("{:.1f} %", 100 * part.share),
                   .log10_p = test.log10_tail}};
  for (const std::string& name : region.classes) witness.modes.push_back(name);
  if (region.classes.empty() && !part.mostly.empty()) witness.modes.push_back(part.mostly);
  return witness;
}

std::optional<Witness> witness_local_loss(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* loss = calibrated_figure(evidence, "local_loss");
  const double of_note = loses_a_group_apart(evidence) ? kGroupApart : kLocalLoss;
  if (!significant(loss, levels) ||
      loss->value < std::max(of_note, least_sure_local_loss(evidence)) || !evidence.emptied ||
      lies_away(evidence) || other_detail(evidence) ||
      lies_amid_few_things(*evidence.emptied, evidence) ||
      (mostly_narrow(evidence) && !loses_parts(evidence) && !lacks_places_alone(evidence)))
    return std::nullopt;
  if (!stays_when_moved(loss->value, evidence.local_loss_when_moved, of_note)) return std::nullopt;
  // Few things in many copies are too many where they are, and a mass of their own.
  const double elsewhere =
      value_over_null(evidence, "local_excess") - repeated_beyond_reals(evidence);
  if (elsewhere > kMostElsewhere * loss->value) return std::nullopt;
  const Part& part = evidence.emptied->part;
  Witness witness = witness_of_place(
      *evidence.emptied, loss->value >= kMuchLocalLoss ? State::collapsed : State::at_risk,
      part.made < kHardlyMade * part.share ? "mode_dropping" : "mode_imbalance",
      fmt::format("among {:.1f} % of the data ({}) lie {:.1f} % of the samples ({:.1f} to {:.1f}, "
                  "99 %); {}",
                  100 * part.share, part.name, 100 * part.made, 100 * part.made_low,
                  100 * part.made_high, below_power(loss->log10_tail)),
      {"neighbours", "samples in a part", loss->log10_tail});
  if (lacks_places_alone(evidence) && significant(calibrated_figure(evidence, "recall"), levels))
    witness.sources.emplace_back("recall");
  if (evidence.emptied->classes.size() > 1)
    witness.reason += "; of the classes " + list_of(evidence.emptied->classes);
  return witness;
}

Witness witness_of_copies(const RepeatedThings& found, std::string reason, bool most,
                          FoundFigure measured) {
  if (!found.classes.empty()) reason += "; mostly " + list_of(found.classes);
  return {most ? State::collapsed : State::at_risk,
          found.things <= kOneThing ? "duplicates" : "within_mode_collapse",
          std::move(reason),
          {"neighbours"},
          /*proof=*/false,
          found.classes,
          std::move(measured)};
}

std::optional<Witness> witness_repeated(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* near = calibrated_figure(evidence, "near_fakes");
  const double excess = value_over_null(evidence, "near_fakes");
  if (!significant(near, levels) || excess < kRepeatedSamples || !evidence.repeated)
    return std::nullopt;
  const RepeatedThings& found = *evidence.repeated;
  if (repeated_beyond_reals(evidence) <= 0) return std::nullopt;
  return witness_of_copies(
      found,
      fmt::format("{:.1f} % of the samples nearly equal two others, with reals and samples mixed "
                  "{:.2g} %; they are {:.0f} things in many copies; {}",
                  100 * near->value, 100 * near->null_median, std::max(1.0, found.things),
                  below_power(near->log10_tail)),
      excess >= kManyRepeated, measured_of("samples in many copies", *near));
}

extern const Instrument kCopiedRealsInstrument{
    .name = "copied reals",
    .tests = [](const Evidence& evidence) -> int64_t { return evidence.copied_reals ? 1 : 0; }};

}  // namespace allmodes::diagnostics
