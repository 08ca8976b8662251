#pragma once

// Samples that a finding names by their numbers, to be looked at.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/collectors/evaluation.h"

namespace allmodes::diagnostics {

// Key of the order in which the reals of a run are compared.
inline constexpr uint64_t kComparisonSeed = 1;

// Which sample of the data set the comparison's real number `row` is (Part::reals).
int64_t compared_real(const data::Dataset& dataset, int64_t row);

// Collective. The generated samples of these numbers (Part::samples), from the ranks that made
// them, on each rank: [numbers, sample shape...] float on the host. Each is in [0, made()).
at::Tensor samples_of_numbers(const Evaluation& evaluation,
                              const std::vector<GeneratedChunk>& generated,
                              std::span<const int64_t> numbers);

}  // namespace allmodes::diagnostics
