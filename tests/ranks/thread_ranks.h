#pragma once

// Ranks as threads of one process: distributed code under test without mpirun.
//
//   run_ranks(4, [](world::Communicator& communicator) { ... });
//
// Reductions add as a binary tree over the ranks, so their bits do not depend on timing. The first
// exception of any rank is thrown again by run_ranks; the other ranks are released from the
// collective they are in.

#include "base/error.h"
#include "world/communicator.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace allmodes::testing {

// Thrown in the ranks that wait for one which has failed.
struct Released {};

// What the ranks of one group share.
class ThreadGroup {
 public:
  explicit ThreadGroup(int size) : slots_(static_cast<size_t>(size), nullptr) {}

  int size() const { return static_cast<int>(slots_.size()); }
  void publish(int rank, const void* item) { slots_[static_cast<size_t>(rank)] = item; }
  const void* slot(size_t rank) const { return slots_[rank]; }

  // Everything written before it, on any rank, is seen after it, on every rank.
  void meet() {
    std::unique_lock lock(mutex_);
    if (broken_) throw Released{};
    const uint64_t round = round_;
    if (++waiting_ == size()) {
      waiting_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return round_ != round || broken_; });
    if (round_ == round) throw Released{};
  }

  std::shared_ptr<ThreadGroup> make_part(int size) {
    auto part = std::make_shared<ThreadGroup>(size);
    const std::scoped_lock lock(mutex_);
    part->broken_ = broken_;
    parts_.push_back(part);
    return part;
  }

  // Releases whoever waits, or will wait, here and in the groups split from this one.
  void break_up() {
    const std::scoped_lock lock(mutex_);
    broken_ = true;
    changed_.notify_all();
    for (const auto& weak : parts_)
      if (const auto part = weak.lock()) part->break_up();
  }

 private:
  std::vector<const void*> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  uint64_t round_ = 0;
  bool broken_ = false;
  std::vector<std::weak_ptr<ThreadGroup>> parts_;
};

class ThreadCommunicator final : public world::Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<ThreadGroup> group, int rank)
      : Communicator(rank, group->size()), group_(std::move(group)) {}

 private:
  using Buffer = world::Buffer;
  using ReduceOp = world::ReduceOp;

  const Buffer& buffer_of(size_t from) const {
    return *static_cast<const Buffer*>(group_->slot(from));
  }

  // What keeps the published buffers from being combined; every rank finds the same. A rank that
  // throws takes its buffer with it, so this comes first, and the throw after the second meet().
  std::string complaint() const {
    const Buffer& first = buffer_of(0);
    for (size_t from = 1; from < static_cast<size_t>(size()); ++from) {
      const Buffer& other = buffer_of(from);
      if (other.count != first.count || other.type != first.type)
        return fmt::format("rank 0 brings {} {}, rank {} {} {}", first.count, name_of(first.type),
                           from, other.count, name_of(other.type));
    }
    return {};
  }

  // Runs `read` while every rank's buffer stands still.
  void with_all_buffers(const Buffer& mine, const std::function<void()>& read) {
    ALLMODES_CHECK(mine.place == world::Place::host, "threads as ranks have host memory only");
    group_->publish(rank(), &mine);
    group_->meet();
    const std::string wrong = complaint();
    if (wrong.empty()) read();
    group_->meet();
    ALLMODES_CHECK(wrong.empty(), "{}", wrong);
  }

  template <typename T>
  void combine(std::vector<std::byte>& result, ReduceOp op) const {
    const int64_t count = buffer_of(0).count;
    std::vector<std::vector<T>> nodes;
    for (size_t from = 0; from < static_cast<size_t>(size()); ++from) {
      const auto* values = static_cast<const T*>(buffer_of(from).data);
      nodes.emplace_back(values, values + count);
    }
    for (size_t width = 1; width < nodes.size(); width *= 2) {
      for (size_t left = 0; left + width < nodes.size(); left += 2 * width) {
        for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
          T& sum = nodes[left][i];
          const T other = nodes[left + width][i];
          sum = op == ReduceOp::max   ? std::max(sum, other)
                : op == ReduceOp::min ? std::min(sum, other)
                                      : static_cast<T>(sum + other);
        }
      }
    }
    std::memcpy(result.data(), nodes[0].data(), result.size());
  }

  std::vector<std::byte> reduction(ReduceOp op) const {
    const Buffer& first = buffer_of(0);
    const auto* bytes = static_cast<const std::byte*>(first.data);
    std::vector<std::byte> result(bytes, bytes + first.bytes());
    switch (first.type) {
      case world::DataType::f32:
        combine<float>(result, op);
        break;
      case world::DataType::f64:
        combine<double>(result, op);
        break;
      case world::DataType::i64:
        combine<int64_t>(result, op);
        break;
      case world::DataType::u8:
        combine<uint8_t>(result, op);
        break;
    }
    if (op == ReduceOp::mean) world::divide_host(result.data(), first.count, first.type, size());
    return result;
  }

  world::Ticket reduce_where(const Buffer& buffer, ReduceOp op, bool receives) {
    std::vector<std::byte> result;
    with_all_buffers(buffer, [&] {
      if (receives) result = reduction(op);
    });
    if (receives) std::memcpy(buffer.data, result.data(), result.size());
    return {};
  }

  world::Ticket do_all_reduce(Buffer buffer, ReduceOp op, world::Stream) override {
    return reduce_where(buffer, op, true);
  }
  world::Ticket do_reduce(Buffer buffer, ReduceOp op, int root, world::Stream) override {
    return reduce_where(buffer, op, rank() == root);
  }
  world::Ticket do_broadcast(Buffer buffer, int root, world::Stream) override {
    with_all_buffers(buffer, [&] {
      if (rank() == root) return;
      const Buffer& source = buffer_of(static_cast<size_t>(root));
      std::memcpy(buffer.data, source.data, static_cast<size_t>(source.bytes()));
    });
    return {};
  }
  std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte> mine) override {
    group_->publish(rank(), &mine);
    group_->meet();
    std::vector<std::vector<std::byte>> all;
    for (size_t from = 0; from < static_cast<size_t>(size()); ++from) {
      const auto& part = *static_cast<const std::span<const std::byte>*>(group_->slot(from));
      all.emplace_back(part.begin(), part.end());
    }
    group_->meet();
    return all;
  }
  void do_barrier() override { group_->meet(); }

  std::unique_ptr<Communicator> do_split(int color, int key) override {
    struct Wish {
      int color;
      int key;
      int rank;
      std::shared_ptr<ThreadGroup> part;
    };
    Wish mine{color, key, rank(), nullptr};
    group_->publish(rank(), &mine);
    group_->meet();
    std::vector<std::tuple<int, int>> members;  // key, rank
    for (size_t from = 0; from < static_cast<size_t>(size()); ++from) {
      const auto* wish = static_cast<const Wish*>(group_->slot(from));
      if (wish->color == color) members.emplace_back(wish->key, wish->rank);
    }
    std::sort(members.begin(), members.end());
    const auto self = std::find(members.begin(), members.end(), std::tuple(key, rank()));
    const auto leader = static_cast<size_t>(std::get<1>(members.front()));
    if (self == members.begin() && color >= 0)
      mine.part = group_->make_part(static_cast<int>(members.size()));
    group_->meet();
    const auto part = static_cast<const Wish*>(group_->slot(leader))->part;
    group_->meet();  // the wishes live on their ranks' stacks
    if (color < 0) return nullptr;
    return std::make_unique<ThreadCommunicator>(
        part, static_cast<int>(std::distance(members.begin(), self)));
  }

  std::shared_ptr<ThreadGroup> group_;
};

// Runs `body` once a rank, each on a thread of its own, and joins them.
inline void run_ranks(int ranks, const std::function<void(world::Communicator&)>& body) {
  const auto group = std::make_shared<ThreadGroup>(ranks);
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      try {
        ThreadCommunicator communicator(group, rank);
        body(communicator);
      } catch (const Released&) {
        // another rank's exception is the cause
      } catch (...) {
        {
          const std::scoped_lock lock(mutex);
          if (first == nullptr) first = std::current_exception();
        }
        group->break_up();
      }
    });
  for (std::thread& thread : threads) thread.join();
  if (first != nullptr) std::rethrow_exception(first);
}

}  // namespace allmodes::testing
