#include "world/inline_reduce.h"

#include "world/fold.h"

#include <algorithm>
#include <cstring>

namespace allmodes::world {

int64_t InlineReduce::place_bytes() {
  return 2 * static_cast<int64_t>(sizeof(InlineMessage));
}

InlineReduce::InlineReduce(Meeting& meeting, std::vector<std::byte*> places) : meeting_(meeting) {
  for (std::byte* place : places) {
    auto* pair = reinterpret_cast<InlineMessage*>(place);
    for (size_t i = 0; i < messages_.size(); ++i) {
      messages_[i].push_back(pair + i);
      data_[i].push_back(pair[i].data.data());
    }
  }
}

void InlineReduce::all_reduce(const Buffer& buffer, ReduceOp op) {
  const uint64_t number = meeting_.begin();
  const size_t place = written_++ % messages_.size();
  const Description mine{buffer.count, buffer.type, op};
  InlineMessage& own = *messages_[place][static_cast<size_t>(meeting_.rank())];
  own.description = mine;
  std::memcpy(own.data.data(), buffer.data, static_cast<size_t>(buffer.bytes()));
  meeting_.arrive(number, mine);  // before the message: who sees this sees the description
  own.number.store(number, std::memory_order_release);
  uint64_t looks = 0;
  const auto there = [&](const InlineMessage* message) {
    return message->number.load(std::memory_order_acquire) == number;
  };
  meeting_.wait_until([&] {
    if (std::ranges::all_of(messages_[place], there)) return true;
    // A rank that means another operation may not write a message; its arrival says so.
    if (++looks % 256 == 0 && meeting_.all_arrived(number)) meeting_.check(number);
    return false;
  });
  for (const InlineMessage* message : messages_[place])
    if (message->description != mine) meeting_.check(number);
  fold_range(buffer.type, data_[place], {static_cast<std::byte*>(buffer.data)}, 0, buffer.count, op,
             meeting_.size());
  meeting_.mark_reduced(number);
}

}  // namespace allmodes::world
