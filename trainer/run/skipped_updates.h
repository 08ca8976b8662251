#pragma once

// Keeps account of updates that were skipped because a gradient or a loss was not finite.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "training/loop.h"

namespace allmodes::run {

// Fed alike on every rank, so that all come to the same decision in the same step.
class SkippedUpdates {
 public:
  // `limit`: updates of one network in a row that end the run; 0: none do. `says`: warns, on rank
  // 0.
  SkippedUpdates(int64_t limit, bool says) : limit_(limit), says_(says) {}

  // True when a network has reached the limit. `updates`: of the last step, with their sources,
  // where the host knows them; `counts`: of Model::skipped_updates(), which know them all.
  bool note(const training::Position& position, const std::vector<training::SkippedUpdate>& updates,
            std::span<const training::NetworkSkips> counts);

 private:
  void say_sources(const training::Position& position, const training::SkippedUpdate& update);
  void say_counts(const training::Position& position, const training::NetworkSkips& counts);

  int64_t limit_;
  bool says_;
  std::map<std::string, int64_t> said_;                    // by network: the count at the last look
  std::map<std::string, std::map<int, int64_t>> by_rank_;  // by network
};

}  // namespace allmodes::run
