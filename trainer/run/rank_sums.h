#pragma once

// Numbers that are added over the ranks in one reduction, each under its name.

#include <string>
#include <utility>
#include <vector>

#include "world/communicator.h"

namespace allmodes::run {

class RankSums {
 public:
  // Adds to the sum of that name on this rank. All ranks name the same ones in the same order.
  void add(const std::string& name, double value);
  // Collective, once: from then on the sums are those over all ranks.
  void reduce(world::Communicator& control);
  // Throws kSoftware for a name that was not added.
  double operator[](const std::string& name) const;
  // The sum divided by the number of ranks; after reduce().
  double mean(const std::string& name) const { return (*this)[name] / ranks_; }

 private:
  std::vector<std::pair<std::string, double>> sums_;
  int ranks_ = 1;
};

}  // namespace allmodes::run
