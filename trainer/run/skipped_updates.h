#pragma once

// Keeps account of updates that were left out because a gradient was not finite.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "training/loop.h"

namespace allmodes::run {

// Fed alike on every rank, so that all come to the same decision in the same step.
class LeftOutCounts {
 public:
  // `limit`: updates of one network in a row that end the run; 0: none do. `says`: warns, on rank
  // 0.
  LeftOutCounts(int64_t limit, bool says) : limit_(limit), says_(says) {}

  // True when a network has reached the limit.
  bool note(const training::Position& position, const std::vector<training::LeftOut>& left_out);

 private:
  struct Count {
    int64_t updates = 0;
    int64_t in_a_row = 0;
    uint64_t last_step = 0;
    std::map<int, int64_t> by_rank;
  };

  int64_t limit_;
  bool says_;
  std::map<std::string, Count> counts_;  // by network
};

}  // namespace allmodes::run
