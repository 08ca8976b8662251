#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "objectives/objective.h"

namespace allmodes::training {

// What makes the noise of one step's samples: the same numbers on whatever rank they are made.
struct NoiseScope {
  uint64_t seed = 0;
  std::string prefix;  // of the name, so that no two uses share numbers
  uint64_t step = 0;
  int64_t first = 0;  // index of the first sample in the global batch (or evaluation)
  int64_t count = 0;  // samples here
};

// The same samples as a network sees them that is given `rows` rows for them: it may see several
// samples as one row, or one as several.
NoiseScope in_rows(NoiseScope scope, int64_t rows);

// Numbers that `input` has for the scope's samples.
int64_t noise_count(const objectives::NoiseInput& input, const NoiseScope& scope);

// Writes them to `data`, sample by sample: [count, input.shape...].
void fill_noise(const objectives::NoiseInput& input, const NoiseScope& scope, float* data);

// The same as a tensor on `device`.
at::Tensor make_noise(const objectives::NoiseInput& input, const NoiseScope& scope,
                      at::Device device);

// Where a phase's random tensors come from, on the model's device.
using NoiseSource = std::function<at::Tensor(const objectives::NoiseInput&, const NoiseScope&)>;

// make_noise() on `device`.
NoiseSource noise_on(at::Device device);

}  // namespace allmodes::training
