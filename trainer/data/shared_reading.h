#pragma once

// How ranks share the reading of one set: each reads a part, and then all have all of it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace allmodes::data {

struct SharedReading {
  int rank = 0;
  int ranks = 1;
  // Every rank's bytes, in rank order. All ranks call it the same number of times. Not needed for
  // one rank.
  std::function<std::vector<std::vector<std::byte>>(std::span<const std::byte>)> gather = {};
};

// `all` has `count` items of `width` bytes. Rank r has filled in share(count, r, ranks) of them;
// the others' are filled in here.
void gather_parts(const SharedReading& reading, int64_t count, size_t width, void* all);

// What was found of samples (number, text) on all ranks, in rank order.
std::vector<std::pair<int64_t, std::string>> gather_findings(
    const SharedReading& reading, std::vector<std::pair<int64_t, std::string>> mine);

}  // namespace allmodes::data
