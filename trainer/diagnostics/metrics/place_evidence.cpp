#include "diagnostics/metrics/place_evidence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "diagnostics/metrics/moved_samples.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kLossOfNote = 0.02;  // of the reals
constexpr int64_t kDrawsOfRun = 100;
constexpr int64_t kMostLookedAtAgain = 600;  // to check what parts have found missing
// Two rows pooled, of which distances are measured twice at most, take as long as so many of a
// network's multiply-adds with their gradients: measured, of networks of 128 units.
constexpr double kMultiplyAddsOfPair = 37;
constexpr double kShareOfTraining = 0.003;

// A share, and the score that says whether it is one.
constexpr std::array kScored = {std::pair{"local_loss", "loss_score"},
                                std::pair{"local_shortage", "shortage_score"},
                                std::pair{"local_surplus", "surplus_score"}};

bool can_be_compared(const Features& rows) {
  return std::ranges::all_of(rows.values,
                             [](float value) { return std::abs(value) <= kLargestFeature; });
}

}  // namespace

int64_t most_looked_at(double multiply_adds) {
  const double pairs = kShareOfTraining * multiply_adds / kMultiplyAddsOfPair;
  const double of_either = std::sqrt(pairs) / 2;
  return static_cast<int64_t>(std::clamp(of_either, static_cast<double>(kMostLookedAtAgain),
                                         static_cast<double>(PlaceReference{}.most_looked_at)));
}

void add_calibrated(const PooledFigures& pooled, int64_t reals, int64_t fakes,
                    const std::function<bool(std::string_view)>& wanted, Evidence& evidence) {
  const auto null = [&](const std::string& name) {
    const auto at = std::ranges::find(kPooledFigures, name) - kPooledFigures.begin();
    return null_of(name, pooled.draws.at(static_cast<size_t>(at)), reals, fakes);
  };
  for (const std::string name : kPooledFigures) {
    if (name.ends_with("_score") || !wanted(name)) continue;
    const double value = pooled.value_of(name);
    const auto scored = std::ranges::find(
        kScored, name, [](const auto& each) { return std::string_view(each.first); });
    const std::string tested = scored == kScored.end() ? name : scored->second;
    evidence.calibrated.push_back(
        {name, value, null(name).median(), null(tested).log10_tail(pooled.value_of(tested))});
  }
}

void add_places(const PartReference& reference, const Features& fakes, const PooledFigures& pooled,
                const PartHints& hints, const std::vector<Part>& narrow, Evidence& evidence) {
  const auto place = [&](const std::vector<uint8_t>& reals, const std::vector<uint8_t>& of_fakes,
                         std::optional<EmptiedRegion>& found) {
    if (std::ranges::count(reals, 0) < std::ssize(reals))
      found = emptied_region(reference, fakes, reals, of_fakes, hints, narrow);
  };
  place(pooled.emptied, pooled.emptied_fakes, evidence.emptied);
  if (evidence.emptied) evidence.emptied->apart = pooled.emptied_apart;
  place(pooled.shorted, pooled.shorted_fakes, evidence.shorted);
  place(pooled.crowded, pooled.crowded_fakes, evidence.crowded);
}

void add_left_by_move(world::Communicator& control, const Features& reals, const Features& fakes,
                      double significance, uint64_t seed, Evidence& evidence) {
  const auto of_note = [&](const char* name) {
    const auto* figure = calibrated_figure(evidence, name);
    return figure->value >= kLossOfNote && figure->log10_tail <= std::log10(significance);
  };
  if (!of_note("local_loss") && !of_note("local_shortage") && !loses_a_group_apart(evidence))
    return;
  const auto moved = moved_onto_reals(reals, fakes);
  if (!moved) return;
  const PooledFigures pooled = measure_places(control, reals, {*moved, fakes.width}, 0, seed);
  evidence.local_loss_when_moved = pooled.value_of("local_loss");
  evidence.local_shortage_when_moved = pooled.value_of("local_shortage");
}

void add_places_of_run(world::Communicator& control, const PlaceReference& places,
                       const Features& samples, const Comparison& comparison,
                       const Features& compared_samples, double significance, uint64_t seed,
                       Evidence& evidence) {
  const PartFindings& parts = *evidence.parts;
  // Of samples that lie away from the data no place is told, only what the parts lack.
  const bool looks_again = places.width <= comparison.reference.parts->width || lies_away(evidence);
  if (looks_again && parts.missing.empty() && parts.starved.empty()) return;
  const int64_t looked_at = std::min({samples.rows(), std::ssize(places.reals) / places.width,
                                      looks_again ? kMostLookedAtAgain : places.most_looked_at});
  const Features reals = Features{places.reals, places.width}.part(0, looked_at);
  const Features fakes = samples.part(0, looked_at);
  if (looked_at < kFewestForParts || !can_be_compared(reals) || !can_be_compared(fakes)) return;
  const PooledFigures pooled = measure_places(control, reals, fakes, kDrawsOfRun, seed);
  add_calibrated(
      pooled, looked_at, looked_at,
      [](std::string_view name) { return name.starts_with("local_"); }, evidence);
  add_places(*comparison.reference.parts, compared_samples.part(0, looked_at), pooled,
             part_hints(comparison), evidence.parts->narrow, evidence);
  add_left_by_move(control, reals, fakes, significance, seed, evidence);
}

}  // namespace allmodes::diagnostics
