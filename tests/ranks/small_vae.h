#pragma once

// A VAE of few numbers, of points with three coordinates.

#include <cstdint>

#include "objectives/objective.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives::small {

using testing::draw;

inline constexpr size_t kBatch = 5, kLatent = 2;

inline double value(const at::Tensor& scalar) {
  return scalar.item<double>();
}

inline config::Vae small_vae() {
  config::Vae vae;
  vae.latent.dimension = kLatent;
  vae.encoder = {.width = 4, .depth = 1, .activation = "tanh"};
  vae.decoder = {.width = 4, .depth = 1, .activation = "tanh"};
  vae.likelihood = "gaussian";
  vae.variance = 0.4;
  return vae;
}

inline DataFacts points(int64_t size = 40) {
  return {.shape = {.channels = 3}, .size = size};
}

inline Objective::Posterior some_posterior(int64_t rows = kBatch) {
  return {draw({rows, kLatent}, "mean"), draw({rows, kLatent}, "log_variance") * 0.7};
}

}  // namespace allmodes::objectives::small
