#pragma once

// A GAN of few numbers, of points with three coordinates.

#include "objectives/objective.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives::small {

using testing::draw;

inline config::Gan small_gan() {
  config::Gan gan;
  gan.latent.dimension = 2;
  gan.generator = {.width = 4, .depth = 1, .activation = "tanh"};
  gan.discriminator = {.width = 4, .depth = 2, .activation = "tanh"};
  return gan;
}

inline at::Tensor real(int64_t count = 6) {
  return draw({count, 3}, "real");
}

}  // namespace allmodes::objectives::small
