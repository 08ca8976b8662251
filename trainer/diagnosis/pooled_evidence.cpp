#include "diagnosis/pooled_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>

#include "diagnostics/metrics/clumps.h"
#include "diagnostics/metrics/flat_directions.h"
#include "diagnostics/metrics/lost_side.h"
#include "diagnostics/metrics/picture_detail.h"
#include "diagnostics/metrics/place_evidence.h"
#include "diagnostics/metrics/pooled_null.h"
#include "diagnostics/verdict/comparison_evidence.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnosis {
namespace {

// Draws of the null of what is read off the pooled rows: so many that the rows of all draws are
// about kDrawnRows, since the tail of a null is the heavier the fewer draws it has.
constexpr int64_t kFewestDraws = 100;
constexpr int64_t kMostDraws = 400;
constexpr int64_t kDrawnRows = 1'000'000;
constexpr double kPartOfClass = 1.0 / 3;

diagnostics::CopiedReals copied_reals_of(const DiagnosedSamples& reals,
                                         const DiagnosedSamples& fakes) {
  const auto found =
      diagnostics::copied_rows(diagnostics::row_hashes(reals.values, reals.shape.values()),
                               diagnostics::row_hashes(fakes.values, fakes.shape.values()));
  return {.copied = found.copied,
          .different = found.different,
          .samples = fakes.count,
          .repeated = found.repeated,
          .reals = reals.count,
          .log10_tail = found.log10_tail};
}

// Classes of which at least a third of the fakes, by the real that is nearest, are marked.
std::vector<std::string> classes_marked(const ComparedSets& sets, const NearestReals& nearest,
                                        const std::vector<uint8_t>& marked) {
  const auto& labels = sets.reals.labels;
  if (labels.empty()) return {};
  std::vector<double> of_class(sets.reals.class_names.size(), 0);
  std::vector<double> all(of_class.size(), 0);
  for (size_t i = 0; i < marked.size(); ++i) {
    const auto label = static_cast<size_t>(labels[static_cast<size_t>(nearest.of_fake[i])]);
    all[label] += 1;
    of_class[label] += marked[i];
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < all.size(); ++i)
    if (of_class[i] > 0 && of_class[i] >= kPartOfClass * all[i])
      names.push_back(sets.reals.class_names[i]);
  return names;
}

// How many things the repeated fakes are, a thing being known by the real that is nearest to it,
// and of which classes most samples are such.
diagnostics::RepeatedThings repeated_things(const ComparedSets& sets, const NearestReals& nearest,
                                            const std::vector<uint8_t>& repeated) {
  std::map<int64_t, double> by_real;
  double total = 0;
  for (size_t i = 0; i < repeated.size(); ++i) {
    if (repeated[i] == 0) continue;
    by_real[nearest.of_fake[i]] += 1;
    total += 1;
  }
  diagnostics::RepeatedThings found{.classes = classes_marked(sets, nearest, repeated)};
  double squares = 0;
  for (const auto& [real, count] : by_real) squares += count / total * (count / total);
  found.things = squares > 0 ? 1 / squares : 0;
  return found;
}

// Rank 0's, on every rank: bits of matrix products may differ between processors.
void add_clumps(world::Communicator& control, const ComparedSets& sets, const NearestReals& nearest,
                uint64_t seed, diagnostics::Evidence& evidence) {
  if (std::min(sets.real_rows.rows(), sets.fake_rows.rows()) < diagnostics::kFewestForClumps)
    return;
  std::vector<uint8_t> marked(static_cast<size_t>(sets.fake_rows.rows()), 0);
  std::vector<double> numbers(5, 0.0);
  if (control.rank() == 0) {
    const auto clumps =
        diagnostics::find_clumps(sets.real_rows, sets.fake_rows, kFewestDraws, seed);
    const diagnostics::Null null(clumps.draws, diagnostics::Worse::high,
                                 1 / static_cast<double>(clumps.looked_at));
    for (const int64_t row : clumps.clumped) marked[static_cast<size_t>(row)] = 1;
    numbers = {clumps.of_fakes, clumps.of_reals, clumps.things,
               null.log10_tail(clumps.of_fakes - clumps.of_reals),
               static_cast<double>(clumps.looked_at)};
  }
  world::broadcast_host(control, std::span<double>(numbers), 0);
  world::broadcast_host(control, std::span<uint8_t>(marked), 0);
  evidence.clumped = diagnostics::ClumpedSamples{.samples = static_cast<int64_t>(numbers[4]),
                                                 .share = numbers[0],
                                                 .of_reals = numbers[1],
                                                 .things = numbers[2],
                                                 .classes = classes_marked(sets, nearest, marked),
                                                 .log10_tail = numbers[3]};
}

// Rank 0's, likewise.
std::optional<diagnostics::LostSide> side_of(world::Communicator& control,
                                             const ComparedSets& sets) {
  std::optional<diagnostics::LostSide> side;
  if (control.rank() == 0) side = diagnostics::lost_side(sets.real_rows, sets.fake_rows);
  if (world::all_reduce_value<int64_t>(control, side ? 1 : 0, world::ReduceOp::max) == 0)
    return std::nullopt;
  if (!side) side = diagnostics::LostSide();
  side->reals.resize(static_cast<size_t>(sets.real_rows.rows()));
  side->fakes.resize(static_cast<size_t>(sets.fake_rows.rows()));
  std::vector<double> numbers = {side->share, static_cast<double>(side->made),
                                 static_cast<double>(side->samples), side->log10_tail};
  world::broadcast_host(control, std::span<double>(numbers), 0);
  world::broadcast_host(control, std::span<uint8_t>(side->reals), 0);
  world::broadcast_host(control, std::span<uint8_t>(side->fakes), 0);
  side->share = numbers[0];
  side->made = static_cast<int64_t>(numbers[1]);
  side->samples = static_cast<int64_t>(numbers[2]);
  side->log10_tail = numbers[3];
  return side;
}

// Its shares are those of the half that the plane was not found on.
void add_side(const std::optional<diagnostics::LostSide>& side, const ComparedSets& sets,
              const diagnostics::PartReference& reference, const diagnostics::PartHints& hints,
              diagnostics::Evidence& evidence) {
  if (!side) return;
  evidence.side =
      diagnostics::emptied_region(reference, sets.fake_rows, side->reals, side->fakes, hints);
  evidence.side_log10_tail = side->log10_tail;
  diagnostics::Part& part = evidence.side->part;
  const auto made = diagnostics::interval_of_share(side->made, side->samples);
  part.name = "a side of the data, most like " + part.name;
  part.share = side->share;
  part.made = static_cast<double>(side->made) / static_cast<double>(side->samples);
  part.made_low = made.low;
  part.made_high = made.high;
  part.log10_tail = side->log10_tail;
}

// Rank 0's, likewise, where it is significant.
std::optional<diagnostics::FlatDirections> flat_of(world::Communicator& control,
                                                   const diagnostics::PartReference& reference,
                                                   const diagnostics::Features& fakes,
                                                   double significance) {
  diagnostics::FlatDirections flat;
  if (control.rank() == 0)
    if (auto found = diagnostics::flat_directions(reference, fakes);
        found && found->log10_tail <= std::log10(diagnostics::parts_level(significance)))
      flat = std::move(*found);
  std::vector<double> numbers = {static_cast<double>(flat.directions),
                                 static_cast<double>(flat.looked_at), flat.width, flat.share,
                                 flat.log10_tail};
  world::broadcast_host(control, std::span<double>(numbers), 0);
  flat.directions = static_cast<int64_t>(numbers[0]);
  if (flat.directions == 0) return std::nullopt;
  flat.looked_at = static_cast<int64_t>(numbers[1]);
  flat.width = numbers[2];
  flat.share = numbers[3];
  flat.log10_tail = numbers[4];
  flat.span.resize(static_cast<size_t>(flat.directions * fakes.width));
  world::broadcast_host(control, std::span<double>(flat.span), 0);
  return flat;
}

// Of points the numbers that do not vary where the rows are flat.
std::vector<std::string> flat_columns(const ComparedSets& sets,
                                      const diagnostics::FlatDirections& flat) {
  constexpr double kMostlyThere = 0.5;  // of the column's variance
  std::vector<std::string> columns;
  const auto& shape = sets.reals.shape;
  if (shape.image || shape.values() > diagnostics::kWidestFlat) return columns;
  const auto explained = diagnostics::explained_columns(sets.real_rows, flat.span,
                                                        {sets.reals.values, shape.values()});
  for (size_t i = 0; i < explained.size(); ++i)
    if (explained[i] >= kMostlyThere) columns.push_back(fmt::format("dimension {}", i));
  return columns;
}

// The sets without the directions in which the fakes are flat: what lies beyond those is lost on
// both sides of every part, and no mass is lost for that.
class Flattened {
 public:
  Flattened(const ComparedSets& sets, std::optional<diagnostics::FlatDirections> flat)
      : flat_(std::move(flat)), sets_(sets) {
    if (!flat_) return;
    reals_ = diagnostics::rows_without(sets.real_rows, flat_->span);
    fakes_ = diagnostics::rows_without(sets.fake_rows, flat_->span);
    sets_.real_rows.values = reals_;
    sets_.fake_rows.values = fakes_;
  }
  Flattened(const Flattened&) = delete;
  Flattened& operator=(const Flattened&) = delete;

  const std::optional<diagnostics::FlatDirections>& flat() const { return flat_; }
  const ComparedSets& sets() const { return sets_; }

 private:
  std::optional<diagnostics::FlatDirections> flat_;
  std::vector<float> reals_, fakes_;
  ComparedSets sets_;
};

// Figures of where mass is, and the rows that count for them, from `other`.
void take_places(diagnostics::PooledFigures& pooled, diagnostics::PooledFigures other) {
  for (size_t i = 0; i < diagnostics::kPooledFigures.size(); ++i) {
    const std::string_view name = diagnostics::kPooledFigures[i];
    if (!name.starts_with("local_") && !name.ends_with("_score")) continue;
    pooled.values[i] = other.values[i];
    pooled.draws[i] = std::move(other.draws[i]);
  }
  pooled.emptied = std::move(other.emptied);
  pooled.emptied_fakes = std::move(other.emptied_fakes);
  pooled.emptied_apart = other.emptied_apart;
  pooled.shorted = std::move(other.shorted);
  pooled.shorted_fakes = std::move(other.shorted_fakes);
  pooled.crowded = std::move(other.crowded);
  pooled.crowded_fakes = std::move(other.crowded_fakes);
}

// `reference`: of the sets' reals.
void add_parts(world::Communicator& control, const ComparedSets& sets,
               const diagnostics::PartReference& reference,
               const diagnostics::PooledFigures& pooled, double significance,
               diagnostics::Evidence& evidence) {
  const auto* precision = diagnostics::calibrated_figure(evidence, "precision");
  const double off = 1 - precision->value;
  const double off_of_reals = 1 - precision->null_median;
  const diagnostics::PartHints hints{
      .away = pooled.away,
      .away_excess = off > off_of_reals ? (off - off_of_reals) / off : 0,
      .neighbours = pooled.neighbours,
      .labels = sets.reals.labels,
      .class_names = sets.reals.class_names};
  evidence.parts = diagnostics::find_parts(reference, sets.fake_rows,
                                           diagnostics::parts_level(significance), hints);
  evidence.smallest_loss = evidence.parts->smallest_loss;
  diagnostics::add_places(reference, sets.fake_rows, pooled, hints, evidence.parts->narrow,
                          evidence);
  add_side(side_of(control, sets), sets, reference, hints, evidence);
}

// Shares of rows by themselves; what is no share, or one less another, by the cuts of the pool.
std::map<std::string, diagnostics::Interval> intervals_of(const diagnostics::PooledFigures& pooled,
                                                          const ComparedSets& sets) {
  std::map<std::string, diagnostics::Interval> intervals;
  for (size_t i = 0; i < diagnostics::kPooledFigures.size(); ++i) {
    const std::string name = diagnostics::kPooledFigures[i];
    if (name.ends_with("_score")) continue;  // no figure by itself
    const double value = pooled.values[i];
    if (name == "density" || name == "near_own" || name.starts_with("local_")) {
      intervals[name] = diagnostics::interval_of_draws(value, pooled.draws[i], "spread when equal");
      continue;
    }
    const bool of_reals = name == "recall" || name == "coverage";
    const int64_t rows = of_reals ? sets.real_rows.rows() : sets.fake_rows.rows();
    intervals[name] =
        diagnostics::interval_of_share(std::llround(value * static_cast<double>(rows)), rows);
  }
  return intervals;
}

}  // namespace

PooledFindings add_pooled(world::Communicator& control, const ComparedSets& sets,
                          const NearestReals& nearest,
                          const diagnostics::Neighborhood& neighborhood, double significance,
                          uint64_t seed, diagnostics::Evidence& evidence) {
  const int64_t rows = sets.real_rows.rows() + sets.fake_rows.rows();
  const int64_t draws = std::clamp(kDrawnRows / rows, kFewestDraws, kMostDraws);
  const auto measure = [&](const ComparedSets& of) {
    return diagnostics::measure_pooled(control, of.real_rows, of.fake_rows, neighborhood, draws,
                                       seed);
  };
  auto pooled = measure(sets);
  std::optional<diagnostics::PartReference> reference;
  if (sets.real_rows.rows() >= diagnostics::kFewestForParts)
    reference = diagnostics::make_part_reference(sets.real_rows);
  const Flattened flattened(
      sets, reference ? flat_of(control, *reference, sets.fake_rows, significance) : std::nullopt);
  if (const auto& flat = flattened.flat()) {
    reference = diagnostics::make_part_reference(flattened.sets().real_rows);
    take_places(pooled, measure(flattened.sets()));
    evidence.flat = diagnostics::FlatFigures{.directions = flat->directions,
                                             .looked_at = flat->looked_at,
                                             .width = flat->width,
                                             .share = flat->share,
                                             .log10_tail = flat->log10_tail,
                                             .columns = flat_columns(sets, *flat)};
  }
  diagnostics::add_calibrated(
      pooled, sets.real_rows.rows(), sets.fake_rows.rows(), [](std::string_view) { return true; },
      evidence);
  PooledFindings findings{.intervals = intervals_of(pooled, sets), .invented = pooled.invented};
  evidence.copied_reals = copied_reals_of(sets.reals, sets.fakes);
  // Of the two figures that count copies the one that shows more.
  const bool nearly_equal = diagnostics::value_over_null(evidence, "near_fakes") >=
                            diagnostics::value_over_null(evidence, "near_own");
  evidence.repeated =
      repeated_things(sets, nearest, nearly_equal ? pooled.repeated : pooled.near_own);
  evidence.repeated->of_reals = pooled.repeated_reals;
  add_clumps(control, sets, nearest, seed, evidence);
  if (evidence.clumped)
    findings.intervals["clumps"] = diagnostics::interval_of_share(
        std::llround(evidence.clumped->share * static_cast<double>(evidence.clumped->samples)),
        evidence.clumped->samples);
  evidence.smallest_loss = 1;
  if (!reference) return findings;
  add_parts(control, flattened.sets(), *reference, pooled, significance, evidence);
  diagnostics::add_left_by_move(control, flattened.sets().real_rows, flattened.sets().fake_rows,
                                significance, seed, evidence);
  const auto& shape = sets.reals.shape;
  if (!shape.image || shape.height < 4 || shape.width < 4) return findings;
  const auto detail = diagnostics::compare_detail(
      {sets.reals.values, sets.fakes.values, shape.channels, shape.height, shape.width},
      nearest.of_real, nearest.of_fake);
  // Samples that are narrow as a whole are fainter in their details, too.
  const double width = std::min(1.0, evidence.parts->width);
  evidence.calibrated.push_back(
      {"detail", detail.ratio / std::max(0.05, width), 1, detail.log10_tail});
  evidence.calibrated.push_back(
      {"rougher", detail.rougher, detail.rougher_reals, detail.rougher_log10_tail});
  return findings;
}

}  // namespace allmodes::diagnosis
