#include "world/staged_reduce.h"

#include "world/fold.h"
#include "world/node_exchange.h"

#include <algorithm>
#include <cstring>

namespace allmodes::world {

StagedReduce::StagedReduce(Meeting& meeting, std::vector<std::byte*> slots, int64_t piece_bytes,
                           NodeExchange* nodes)
    : meeting_(meeting), piece_bytes_(piece_bytes), nodes_(nodes) {
  for (std::byte* both : slots)
    for (size_t i = 0; i < slots_.size(); ++i)
      slots_[i].push_back(both + static_cast<int64_t>(i) * piece_bytes_);
}

void StagedReduce::all_reduce(const Buffer& buffer, ReduceOp op) {
  const int64_t width = size_of(buffer.type);
  const int64_t step = piece_bytes_ / width;
  auto* data = static_cast<std::byte*>(buffer.data);
  for (int64_t begin = 0; begin < buffer.count; begin += step, data += step * width)
    reduce_piece(data, std::min(step, buffer.count - begin), buffer.type, op);
}

void StagedReduce::reduce_piece(std::byte* data, int64_t count, DataType type, ReduceOp op) {
  const int64_t width = size_of(type);
  const uint64_t number = meeting_.begin();
  const auto& slots = slots_[pieces_++ % slots_.size()];
  std::byte* own = slots[static_cast<size_t>(meeting_.rank())];
  std::memcpy(own, data, static_cast<size_t>(count * width));
  meeting_.arrive(number, {count, type, op});
  meeting_.wait_until([&] { return meeting_.all_arrived(number); });
  meeting_.check(number);
  const auto [first, last] = slice_of(count, meeting_.rank(), meeting_.size());
  fold_range(type, slots, {own}, first, last, op, nodes_ == nullptr ? meeting_.size() : 0);
  if (nodes_ != nullptr) {
    std::byte* part = own + first * width;
    nodes_->all_reduce({.data = part, .count = last - first, .type = type, .op = op});
    if (op == ReduceOp::mean)
      divide_host(part, last - first, type, meeting_.size() * nodes_->nodes());
  }
  meeting_.mark_reduced(number);
  meeting_.await_reduced(number);
  for (int other = 0; other < meeting_.size(); ++other) {
    const auto [from, to] = slice_of(count, other, meeting_.size());
    std::memcpy(data + from * width, slots[static_cast<size_t>(other)] + from * width,
                static_cast<size_t>((to - from) * width));
  }
}

}  // namespace allmodes::world
