#include "diagnostics/collectors/shown_samples.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "diagnostics/metrics/sum_over_ranks.h"
#include "objectives/objective.h"

namespace allmodes::diagnostics {

int64_t compared_real(const data::Dataset& dataset, int64_t row) {
  return real_indices(dataset, kComparisonSeed, row, 1).front();
}

at::Tensor samples_of_numbers(const Evaluation& evaluation,
                              const std::vector<GeneratedChunk>& generated,
                              std::span<const int64_t> numbers) {
  const auto values = static_cast<size_t>(evaluation.dataset.shape().values());
  std::vector<double> found(numbers.size() * values, 0.0);
  for (size_t i = 0; i < numbers.size(); ++i)
    for (const GeneratedChunk& chunk : generated) {
      const int64_t row = numbers[i] - chunk.first;
      if (row < 0 || row >= chunk.samples.size(0)) continue;
      const auto own = values_of(chunk.samples).subspan(static_cast<size_t>(row) * values, values);
      std::ranges::copy(own, found.begin() + static_cast<std::ptrdiff_t>(i * values));
    }
  sum_over_ranks(evaluation.control, found);
  std::vector<float> rounded(found.begin(), found.end());
  std::vector<int64_t> shape = objectives::network_shape(evaluation.dataset.shape());
  shape.insert(shape.begin(), std::ssize(numbers));
  return at::from_blob(rounded.data(), shape, at::kFloat).clone();
}

}  // namespace allmodes::diagnostics
