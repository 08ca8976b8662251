#include "diagnostics/features/sample_chunks.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "data/sampler.h"
#include "objectives/objective.h"

namespace allmodes::diagnostics {

void for_each_chunk(int64_t total, const world::Communicator& control,
                    const std::function<void(int64_t first, int64_t count)>& work) {
  for (int64_t first = control.rank() * kChunk; first < total; first += control.size() * kChunk)
    work(first, std::min(kChunk, total - first));
}

std::vector<int64_t> real_indices(const data::Dataset& dataset, uint64_t seed, int64_t first,
                                  int64_t count) {
  const data::Sampler order(dataset.size(), seed ^ 0x5EA15EA15EA15EA1ULL);
  std::vector<int64_t> indices(static_cast<size_t>(count));
  order.indices(static_cast<uint64_t>(first), count, indices.data());
  return indices;
}

at::Tensor real_samples(const data::Dataset& dataset, uint64_t seed, int64_t first, int64_t count,
                        std::vector<int64_t>* labels) {
  const std::vector<int64_t> indices = real_indices(dataset, seed, first, count);
  std::vector<int64_t> shape = objectives::network_shape(dataset.shape());
  shape.insert(shape.begin(), count);
  at::Tensor samples = at::empty(shape, at::kFloat);
  if (labels != nullptr) labels->resize(indices.size());
  dataset.copy(indices, samples.data_ptr<float>(), labels != nullptr ? labels->data() : nullptr);
  return samples;
}

std::span<const float> values_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

}  // namespace allmodes::diagnostics
