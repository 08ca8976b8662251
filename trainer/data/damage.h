#pragma once

// What cannot be read of a set: gathered from all threads, said all at once.

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.h"

namespace allmodes::data {

class Damage {
 public:
  // From any thread. `what`: "PLACE, REASON".
  void add(int64_t sample, std::string what);

  bool empty() const { return found_.empty(); }
  bool has(int64_t sample) const;  // after settle()

  // Decides on what was found among `total` samples: throws kDataError, naming up to 20 of them and
  // how many there are, where data.on_damage is to refuse or more than data.most_damaged are
  // damaged.
  void settle(const config::Data& data, int64_t total);

  // What is left out, for the remarks.
  std::vector<std::string> remarks() const;

 private:
  std::string listed() const;

  std::mutex mutex_;
  std::vector<std::pair<int64_t, std::string>> found_;  // sorted by settle()
};

}  // namespace allmodes::data
