#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "objectives/objective.h"

namespace allmodes::training {

// `input` for the samples first, first + 1, ..., first + count - 1 of the global batch of `step`:
// [count, input.shape...] on `device`. The same numbers on whatever rank they are made.
at::Tensor make_noise(const objectives::NoiseInput& input, uint64_t seed, uint64_t step,
                      int64_t first, int64_t count, at::Device device);

// Latents of the prior for evaluation: keyed by (seed, purpose, global sample index).
at::Tensor make_latents(const config::Latent& latent, uint64_t seed, const std::string& purpose,
                        uint64_t step, int64_t first, int64_t count, at::Device device);

}  // namespace allmodes::training
