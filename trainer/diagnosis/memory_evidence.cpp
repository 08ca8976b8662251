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
    if (std::ranges::equal_range(sorted, own[row]).size() != 1) continue;
    const auto from = samples.values.begin() + static_cast<std::ptrdiff_t>(row * width);
    kept.values.insert(kept.values.end(), from, from + static_cast<std::ptrdiff_t>(width));
    ++kept.count;
  }
  return kept;
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
  if (2 * shared > held_out.count) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{} of the {} samples of {} are also in {}: data that the model was not trained "
                  "on were expected; give them with --test, or with --real",
                  shared, held_out.count, held_out.source, training.source);
  }
  const auto handed_back = diagnostics::count_shared(hashes_of(fakes), sorted);
  sorted.insert(sorted.end(), of_held_out.begin(), of_held_out.end());
  std::ranges::sort(sorted);
  const DiagnosedSamples trained = single_rows(training, of_training, sorted);
  const DiagnosedSamples others = single_rows(held_out, of_held_out, sorted);
  if (others.count < kFewestHeldOut || trained.count < kFewestHeldOut) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} samples, {}: {}, that are there only once; {} of either were expected, "
                  "to say what is learnt by heart",
                  training.source, trained.count, others.source, others.count, kFewestHeldOut);
  }
  const auto rows_of = [&](const DiagnosedSamples& samples) {
    return diagnostics::mapped_rows(control, features, samples.values, samples.count);
  };
  const auto training_rows = rows_of(trained);
  const auto held_out_rows = rows_of(others);
  const auto fake_rows = rows_of(fakes);
  const int64_t width = features.width;
  auto found = diagnostics::nearness_to_training(control, {training_rows, width},
                                                 {held_out_rows, width}, {fake_rows, width});
  found.copied = handed_back.rows;
  found.different = handed_back.different;
  return found;
}

}  // namespace allmodes::diagnosis
