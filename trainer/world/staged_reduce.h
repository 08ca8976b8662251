#pragma once

// All-reduces of memory that the ranks do not share, copied through slots that they do, piece by
// piece. Each rank adds up its slice of the piece over all slots, into its own slot; then everybody
// copies all slices out.
//
// Why a slot may be written again: there are two a rank, used in turn. A rank that writes piece n +
// 2 into the slot of piece n has waited for all ranks to say that they have reduced piece n + 1
// (await_reduced); each of those had copied piece n out before it arrived with piece n + 1. Within
// a piece a rank writes only its own slice of its own slot, which no other rank reads before that
// rank has said that it is reduced.

#include "world/meeting.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace allmodes::world {

class NodeExchange;

class StagedReduce {
 public:
  // `slots`: memory of each rank of the node, 64-byte aligned, 2 * piece_bytes long (a multiple of
  // 64). `nodes`: adds up between nodes; null on one node.
  StagedReduce(Meeting& meeting, std::vector<std::byte*> slots, int64_t piece_bytes,
               NodeExchange* nodes);

  // Done on return. Throws kProtocol where the ranks do not mean the same operation.
  void all_reduce(const Buffer& buffer, ReduceOp op);

 private:
  void reduce_piece(std::byte* data, int64_t count, DataType type, ReduceOp op);

  Meeting& meeting_;
  int64_t piece_bytes_;
  NodeExchange* nodes_;
  std::array<std::vector<std::byte*>, 2> slots_;  // by rank of the node
  uint64_t pieces_ = 0;                           // so far: their parity chooses the slot
};

}  // namespace allmodes::world
