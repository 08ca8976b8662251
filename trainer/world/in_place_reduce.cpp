#include "world/in_place_reduce.h"

#include "world/fold.h"
#include "world/node_exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace allmodes::world {

InPlaceReduce::InPlaceReduce(Meeting& meeting, NodeExchange* nodes, bool thread)
    : meeting_(meeting), nodes_(nodes) {
  if (thread) thread_ = std::thread([this] { work(); });
}

InPlaceReduce::~InPlaceReduce() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  // The thread may wait for ranks that never come: an error has ended this one, or them.
  meeting_.stop();
  changed_.notify_all();
  thread_.join();
}

uint64_t InPlaceReduce::begin(const Buffer& buffer, ReduceOp op, std::vector<std::byte*> places) {
  // The place of this operation's description has to be free.
  if (meeting_.begun() >= Meeting::kOutstanding)
    finish(std::min(meeting_.begun() + 1 - Meeting::kOutstanding, last_));
  const uint64_t number = last_ = meeting_.begin();
  meeting_.arrive(number, {buffer.count, buffer.type, op});
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({number, buffer, op, std::move(places)});
  }
  if (thread_.joinable()) changed_.notify_all();
  return number;
}

bool InPlaceReduce::advance() {
  bool moved = false;
  if (const Operation* next = next_to_start();
      next != nullptr && meeting_.all_arrived(next->number)) {
    start(*next);
    moved = true;
  }
  if (nodes_ != nullptr && nodes_->advance()) moved = true;
  return moved;
}

const InPlaceReduce::Operation* InPlaceReduce::next_to_start() {
  const std::scoped_lock lock(mutex_);
  return started_ < waiting_.size() ? &waiting_[started_] : nullptr;
}

void InPlaceReduce::start(const Operation& operation) {
  meeting_.check(operation.number);
  {
    const std::scoped_lock lock(mutex_);
    ++started_;
  }
  const Buffer& buffer = operation.buffer;
  const auto [first, last] = slice_of(buffer.count, meeting_.rank(), meeting_.size());
  if (nodes_ == nullptr) {
    fold_range(buffer.type, operation.places, operation.places, first, last, operation.op,
               meeting_.size());
    return end(operation);
  }
  std::byte* own = operation.places[static_cast<size_t>(meeting_.rank())];
  fold_range(buffer.type, operation.places, {own}, first, last, operation.op, 0);
  nodes_->begin({.data = own + first * size_of(buffer.type),
                 .count = last - first,
                 .type = buffer.type,
                 .op = operation.op,
                 .may_round = true,
                 .done = [this, &operation] { spread(operation); }});
}

// The sum over all nodes to the ranks of this one.
void InPlaceReduce::spread(const Operation& operation) {
  const Buffer& buffer = operation.buffer;
  const auto [first, last] = slice_of(buffer.count, meeting_.rank(), meeting_.size());
  const int64_t begin = first * size_of(buffer.type);
  const auto bytes = static_cast<size_t>((last - first) * size_of(buffer.type));
  std::byte* own = operation.places[static_cast<size_t>(meeting_.rank())] + begin;
  if (operation.op == ReduceOp::mean)
    divide_host(own, last - first, buffer.type, meeting_.size() * nodes_->nodes());
  for (int other = 0; other < meeting_.size(); ++other)
    if (other != meeting_.rank())
      std::memcpy(operation.places[static_cast<size_t>(other)] + begin, own, bytes);
  end(operation);
}

void InPlaceReduce::end(const Operation& operation) {
  meeting_.mark_reduced(operation.number);
  const std::scoped_lock lock(mutex_);
  waiting_.pop_front();
  --started_;
  changed_.notify_all();
}

void InPlaceReduce::run_up_to(uint64_t number) {
  const auto done = [&] { return waiting_.empty() || waiting_.front().number > number; };
  if (thread_.joinable()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done() || failure_ != nullptr; });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    return;
  }
  meeting_.wait_until([&] { return done() || (advance(), done()); });
}

void InPlaceReduce::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    lock.unlock();
    std::exception_ptr failure;
    try {
      // Between nodes it is the network that is waited for: the core is left to others.
      meeting_.wait_until([this] { return advance(); }, /*patient=*/nodes_ != nullptr);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failure_ = failure;
    if (failure_ == nullptr) continue;
    changed_.notify_all();
    return;
  }
}

void InPlaceReduce::finish(uint64_t operation) {
  run_up_to(operation);
  meeting_.await_reduced(operation);
}

}  // namespace allmodes::world
