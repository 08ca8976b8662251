#include "diagnosis/pooled_evidence.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

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

void add_parts(const ComparedSets& sets, const diagnostics::PooledFigures& pooled,
               double significance, diagnostics::Evidence& evidence) {
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
}

}  // namespace

void add_pooled(world::Communicator& control, const ComparedSets& sets, const NearestReals& nearest,
                const diagnostics::Neighborhood& neighborhood, double significance, uint64_t seed,
                diagnostics::Evidence& evidence) {
  const auto pooled = diagnostics::measure_pooled(control, sets.real_rows, sets.fake_rows,
                                                  neighborhood, kDraws, seed);
  for (size_t i = 0; i < diagnostics::kPooledFigures.size(); ++i) {
    const std::string name = diagnostics::kPooledFigures[i];
    const diagnostics::Null null(pooled.draws[i], diagnostics::worse_of(name));
    evidence.calibrated.push_back(
        {name, pooled.values[i], null.median(), null.log10_tail(pooled.values[i])});
  }
  evidence.copied_reals = copied_reals_of(sets.reals, sets.fakes);
  evidence.repeated = repeated_things(sets, nearest, pooled.repeated);
  evidence.smallest_loss = 1;
  if (sets.real_rows.rows() < diagnostics::kFewestForParts) return;
  add_parts(sets, pooled, significance, evidence);
  const auto& shape = sets.reals.shape;
  if (!shape.image || shape.height < 4 || shape.width < 4) return;
  const auto detail = diagnostics::compare_detail(
      {sets.reals.values, sets.fakes.values, shape.channels, shape.height, shape.width},
      nearest.of_real, nearest.of_fake);
  // Samples that are narrow as a whole are fainter in their details, too.
  const double width = std::min(1.0, evidence.parts->width);
  evidence.calibrated.push_back(
      {"detail", detail.ratio / std::max(0.05, width), 1, detail.log10_tail});
}

}  // namespace allmodes::diagnosis
