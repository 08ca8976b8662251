#include "diagnosis/pooled_evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "diagnostics/metrics/lost_side.h"
#include "diagnostics/metrics/picture_detail.h"
#include "diagnostics/metrics/pooled_null.h"
#include "diagnostics/verdict/comparison_evidence.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kDraws = 100;  // of the null of what is read off the pooled rows
constexpr double kHalfOfClass = 0.5;

diagnostics::CopiedReals copied_reals_of(const DiagnosedSamples& reals,
                                         const DiagnosedSamples& fakes) {
  auto of_reals = diagnostics::row_hashes(reals.values, reals.shape.values());
  std::ranges::sort(of_reals);
  diagnostics::CopiedReals found{.samples = fakes.count, .reals = reals.count};
  found.repeated = diagnostics::count_copies(of_reals).copies;
  for (const uint64_t hash : diagnostics::row_hashes(fakes.values, fakes.shape.values()))
    found.copied += std::ranges::binary_search(of_reals, hash) ? 1 : 0;
  return found;
}

// How many things the repeated fakes are, a thing being known by the real that is nearest to it,
// and of which classes most samples are such.
diagnostics::RepeatedThings repeated_things(const ComparedSets& sets, const NearestReals& nearest,
                                            const std::vector<uint8_t>& repeated) {
  const auto& labels = sets.reals.labels;
  std::map<int64_t, double> by_real;
  std::vector<double> of_class(sets.reals.class_names.size(), 0);
  std::vector<double> all(of_class.size(), 0);
  double total = 0;
  for (size_t i = 0; i < repeated.size(); ++i) {
    const int64_t real = nearest.of_fake[i];
    if (!labels.empty()) all[static_cast<size_t>(labels[static_cast<size_t>(real)])] += 1;
    if (repeated[i] == 0) continue;
    by_real[real] += 1;
    total += 1;
    if (!labels.empty()) of_class[static_cast<size_t>(labels[static_cast<size_t>(real)])] += 1;
  }
  diagnostics::RepeatedThings found;
  double squares = 0;
  for (const auto& [real, count] : by_real) squares += count / total * (count / total);
  found.things = squares > 0 ? 1 / squares : 0;
  for (size_t i = 0; i < all.size(); ++i)
    if (of_class[i] > 0 && of_class[i] >= kHalfOfClass * all[i])
      found.classes.push_back(sets.reals.class_names[i]);
  return found;
}

// Rank 0's side, on every rank: bits of matrix products may differ between processors.
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

void add_parts(world::Communicator& control, const ComparedSets& sets,
               const diagnostics::PooledFigures& pooled, double significance,
               diagnostics::Evidence& evidence) {
  const auto* precision = diagnostics::calibrated_figure(evidence, "precision");
  const double off = 1 - precision->value;
  const double off_of_reals = 1 - precision->null_median;
  const auto reference = diagnostics::make_part_reference(sets.real_rows);
  const diagnostics::PartHints hints{
      .away = pooled.away,
      .away_excess = off > off_of_reals ? (off - off_of_reals) / off : 0,
      .reached = pooled.reached,
      .labels = sets.reals.labels,
      .class_names = sets.reals.class_names};
  evidence.parts = diagnostics::find_parts(reference, sets.fake_rows,
                                           diagnostics::parts_level(significance), hints);
  evidence.smallest_loss = evidence.parts->smallest_loss;
  if (std::ranges::find(pooled.emptied, 1) != pooled.emptied.end())
    evidence.emptied = diagnostics::emptied_region(reference, sets.fake_rows, pooled.emptied,
                                                   pooled.emptied_fakes, hints);
  add_side(side_of(control, sets), sets, reference, hints, evidence);
}

// Shares of rows by themselves; what is no share, or one less another, by the cuts of the pool.
std::map<std::string, diagnostics::Interval> intervals_of(const diagnostics::PooledFigures& pooled,
                                                          const ComparedSets& sets) {
  std::map<std::string, diagnostics::Interval> intervals;
  for (size_t i = 0; i < diagnostics::kPooledFigures.size(); ++i) {
    const std::string name = diagnostics::kPooledFigures[i];
    const double value = pooled.values[i];
    if (name == "density" || name.starts_with("local_")) {
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
  const auto pooled = diagnostics::measure_pooled(control, sets.real_rows, sets.fake_rows,
                                                  neighborhood, kDraws, seed);
  for (size_t i = 0; i < diagnostics::kPooledFigures.size(); ++i) {
    const std::string name = diagnostics::kPooledFigures[i];
    const diagnostics::Null null(pooled.draws[i], diagnostics::worse_of(name));
    evidence.calibrated.push_back(
        {name, pooled.values[i], null.median(), null.log10_tail(pooled.values[i])});
  }
  PooledFindings findings{.intervals = intervals_of(pooled, sets), .invented = pooled.invented};
  evidence.copied_reals = copied_reals_of(sets.reals, sets.fakes);
  evidence.repeated = repeated_things(sets, nearest, pooled.repeated);
  evidence.smallest_loss = 1;
  if (sets.real_rows.rows() < diagnostics::kFewestForParts) return findings;
  add_parts(control, sets, pooled, significance, evidence);
  const auto& shape = sets.reals.shape;
  if (!shape.image || shape.height < 4 || shape.width < 4) return findings;
  const auto detail = diagnostics::compare_detail(
      {sets.reals.values, sets.fakes.values, shape.channels, shape.height, shape.width},
      nearest.of_real, nearest.of_fake);
  // Samples that are narrow as a whole are fainter in their details, too.
  const double width = std::min(1.0, evidence.parts->width);
  evidence.calibrated.push_back(
      {"detail", detail.ratio / std::max(0.05, width), 1, detail.log10_tail});
  return findings;
}

}  // namespace allmodes::diagnosis
