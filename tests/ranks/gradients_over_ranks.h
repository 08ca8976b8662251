#pragma once

// The gradient of a step on several ranks beside that of one process on the whole batch.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "ranks/training_fixture.h"

namespace allmodes::testing {

using Floats = std::vector<float>;
using Gradients = std::map<std::string, Floats>;

// The averaged gradients that step `step` leaves behind, by network.
inline Gradients gradients_of_step(const Problem& problem, world::Communicator& ranks,
                                   uint64_t step) {
  RankTrainer trainer(problem, ranks);
  trainer.step(step, /*update=*/false);
  Gradients found;
  for (const auto& network : trainer.model().networks())
    found[network->flat.name] = joined(network->flat.gradient_views);
  return found;
}

// One rank has the concatenated batch; `microbatches` of it are taken in one piece there.
inline void expect_gradient_of_the_whole_batch(Problem problem, uint64_t step,
                                               int64_t microbatches = 1) {
  const auto self = world::make_self_communicator();
  problem.config.microbatches = 1;
  const Gradients whole = gradients_of_step(problem, *self, step);
  problem.config.microbatches = microbatches;
  for (const int size : kRankCounts) {
    const auto ranks = on_ranks<Gradients>(
        size, [&](world::Communicator& group) { return gradients_of_step(problem, group, step); });
    for (const auto& [name, expected] : whole) {
      SCOPED_TRACE(fmt::format("{} on {} ranks", name, size));
      EXPECT_GT(norm(expected), 1e-4);
      EXPECT_LT(relative_difference(ranks[0].at(name), expected), 1e-5);
      for (const auto& other : ranks) EXPECT_EQ(other.at(name), ranks[0].at(name));
    }
  }
}

}  // namespace allmodes::testing
