#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

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

// `input` for the scope's samples: [count, input.shape...] on `device`.
at::Tensor make_noise(const objectives::NoiseInput& input, const NoiseScope& scope,
                      at::Device device);

}  // namespace allmodes::training
