#include "diagnosis/memory_evidence.h"

#include <algorithm>

#include "base/error.h"
#include "diagnostics/metrics/nearness_to_training.h"
#include "diagnostics/statistics/copies.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kFewestHeldOut = 20;

std::vector<uint64_t> hashes_of(const DiagnosedSamples& samples) {
  return diagnostics::row_hashes(samples.values, samples.shape.values());
}

// The samples whose rows are there once in `sorted`, the hashes of both sets.
DiagnosedSamples single_rows(const DiagnosedSamples& samples, const std::vector<uint64_t>& own,
                             const std::vector<uint64_t>& sorted) {
  DiagnosedSamples kept{.source = samples.source, .shape = samples.shape};
  const auto width = static_cast<size_t>(samples.shape.values());
  for (size_t row = 0; row < own.size(); ++row) {
    if (diagnostics::times_in(sorted, own[row]) != 1) continue;
    const auto from = samples.values.begin() + static_cast<std::ptrdiff_t>(row * width);
    kept.values.insert(kept.values.end(), from, from + static_cast<std::ptrdiff_t>(width));
    ++kept.count;
  }
  return kept;
}

// Of discrete data, perfect samples equal training rows to the last bit, as often as held-out rows
// do: both are near to what they equal, where no (other) held-out row equals it, too.
struct EqualRows {
  int64_t samples = 0;
  int64_t held_out = 0;
  std::vector<uint8_t> unequal;  // [samples], 1: equals no row of either set
};

EqualRows equal_rows(const std::vector<uint64_t>& samples, std::vector<uint64_t> training,
                     std::vector<uint64_t> held_out) {
  std::ranges::sort(training);
  std::ranges::sort(held_out);
  EqualRows found;
  for (const uint64_t hash : samples) {
    const bool trained = std::ranges::binary_search(training, hash);
    const bool held = std::ranges::binary_search(held_out, hash);
    found.samples += trained && !held ? 1 : 0;
    found.unequal.push_back(trained || held ? 0 : 1);
  }
  for (const uint64_t hash : held_out)
    found.held_out +=
        diagnostics::times_in(held_out, hash) == 1 && std::ranges::binary_search(training, hash)
            ? 1
            : 0;
  return found;
}

}  // namespace

diagnostics::TrainingCopies training_copies(world::Communicator& control,
                                            const DiagnosedSamples& training,
                                            const DiagnosedSamples& held_out,
                                            const DiagnosedSamples& fakes,
                                            const diagnostics::FeatureMap& features) {
  auto of_training = hashes_of(training);
  const auto of_held_out = hashes_of(held_out);
  std::vector<uint64_t> sorted = of_training;
  std::ranges::sort(sorted);
  const auto shared = std::ranges::count_if(
      of_held_out, [&](uint64_t hash) { return std::ranges::binary_search(sorted, hash); });
  // Rows of discrete data are found in both sets as they are found again in one of them.
  const double again = static_cast<double>(diagnostics::count_copies(of_training).copies) /
                       static_cast<double>(training.count);
  if (2 * shared > held_out.count &&
      static_cast<double>(shared) > 2 * again * static_cast<double>(held_out.count)) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{} of the {} samples of {} are also in {}: data that the model was not trained "
                  "on were expected; give them with --test, or with --real",
                  shared, held_out.count, held_out.source, training.source);
  }
  const auto of_fakes = hashes_of(fakes);
  const auto handed_back = diagnostics::count_shared(of_fakes, sorted);
  const EqualRows equal = equal_rows(of_fakes, of_training, of_held_out);
  sorted.insert(sorted.end(), of_held_out.begin(), of_held_out.end());
  std::ranges::sort(sorted);
  const DiagnosedSamples trained = single_rows(training, of_training, sorted);
  const DiagnosedSamples others = single_rows(held_out, of_held_out, sorted);
  if (std::min(held_out.count, training.count) < kFewestHeldOut) {
    ALLMODES_FAIL(
        ExitCode::kDataError,
        "{}: {} samples, {}: {}; {} of either were expected, to say what is learnt by heart",
        training.source, training.count, held_out.source, held_out.count, kFewestHeldOut);
  }
  diagnostics::TrainingCopies found{.samples = fakes.count,
                                    .held_out = held_out.count,
                                    .training = training.count,
                                    .copied = handed_back.rows,
                                    .different = handed_back.different,
                                    .near = {{equal.samples, equal.held_out}}};
  // Where hardly any row is there only once, equal ones are all there is to count.
  if (std::min(others.count, trained.count) < kFewestHeldOut) return found;
  const auto rows_of = [&](const DiagnosedSamples& samples) {
    return diagnostics::mapped_rows(control, features, samples.values, samples.count);
  };
  const auto training_rows = rows_of(trained);
  const auto held_out_rows = rows_of(others);
  const auto fake_rows = rows_of(fakes);
  const int64_t width = features.width;
  const auto unequal = diagnostics::nearness_to_training(
      control, {training_rows, width}, {held_out_rows, width}, {fake_rows, width}, equal.unequal);
  found.crowding = unequal.crowding;
  found.near.clear();
  for (const auto& near : unequal.near)
    found.near.push_back({near.samples + equal.samples, near.held_out + equal.held_out});
  return found;
}

}  // namespace allmodes::diagnosis
