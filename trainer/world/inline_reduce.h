#pragma once

// All-reduces of few bytes within a node, whose cost is the meeting: each rank publishes its data
// next to a flag, and everybody adds up all copies for itself. That takes one meeting instead of
// two, and of a few numbers one cache line a rank crosses.
//
// Why a message may be written again: there are two places a rank, used in turn. A rank that writes
// its message n + 2 has finished message n + 1, so it has seen that message of every other rank;
// and each of those wrote it after having added up all messages n. So nobody reads message n any
// more. Operations of other kinds in between only make ranks wait longer.

#include "world/meeting.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace allmodes::world {

class InlineReduce {
 public:
  static constexpr int64_t kLargest = 2048;  // bytes of a message
  // Bytes of each rank's places, a multiple of 64.
  static int64_t place_bytes();

  // `places`: zeroed memory of each rank of the node, 64-byte aligned, place_bytes() long.
  InlineReduce(Meeting& meeting, std::vector<std::byte*> places);

  static bool fits(const Buffer& buffer) { return buffer.bytes() <= kLargest; }
  // Done on return. Throws kProtocol where the ranks do not mean the same operation.
  void all_reduce(const Buffer& buffer, ReduceOp op);

 private:
  struct alignas(64) InlineMessage {
    std::atomic<uint64_t> number;  // of the operation whose data this is
    Description description;
    alignas(8) std::array<std::byte, kLargest> data;
  };

  Meeting& meeting_;
  std::array<std::vector<InlineMessage*>, 2> messages_;  // by rank of the node
  std::array<std::vector<std::byte*>, 2> data_;          // of them
  uint64_t written_ = 0;                                 // messages: their parity chooses the place
};

}  // namespace allmodes::world
