#include "world/meeting.h"

#include "base/error.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <thread>

namespace allmodes::world {
namespace {

constexpr std::chrono::microseconds kShortestNap{50};
constexpr std::chrono::microseconds kLongestNap{500};

}  // namespace

int64_t Meeting::head_bytes() {
  return (sizeof(Head) + 63) / 64 * 64;
}

Meeting::Meeting(std::vector<std::byte*> heads, int rank, std::function<void()> on_nap)
    : rank_(rank), on_nap_(std::move(on_nap)) {
  // Zero bytes are flags of which nothing has been said.
  for (std::byte* head : heads) heads_.push_back(reinterpret_cast<Head*>(head));
}

void Meeting::arrive(uint64_t number, const Description& description) {
  Head& own = *heads_[static_cast<size_t>(rank_)];
  own.descriptions[number % kOutstanding] = description;
  own.arrived.store(number, std::memory_order_release);
}

bool Meeting::all_arrived(uint64_t number) const {
  return std::ranges::all_of(heads_, [&](const Head* head) {
    return head->arrived.load(std::memory_order_acquire) >= number;
  });
}

void Meeting::check(uint64_t number) const {
  const auto of = [&](size_t rank) -> const Description& {
    return heads_[rank]->descriptions[number % kOutstanding];
  };
  const Description& mine = of(static_cast<size_t>(rank_));
  for (size_t other = 0; other < heads_.size(); ++other) {
    const Description& theirs = of(other);
    if (theirs == mine) continue;
    ALLMODES_FAIL(ExitCode::kProtocol,
                  "the ranks of this node disagree about all-reduce {}: the {} of {} {} here (rank "
                  "{} of the node), the {} of {} {} on its rank {}; start every rank with the same "
                  "binary, configuration and data",
                  number, name_of(mine.op), mine.count, name_of(mine.type), rank_,
                  name_of(theirs.op), theirs.count, name_of(theirs.type), other);
  }
}

void Meeting::mark_reduced(uint64_t number) {
  heads_[static_cast<size_t>(rank_)]->reduced.store(number, std::memory_order_release);
}

void Meeting::await_reduced(uint64_t number) {
  // The others' flags are in their caches: what is known is not looked up again.
  wait_until([&] {
    if (number <= reduced_by_all_) return true;
    reduced_by_all_ = std::ranges::min(heads_ | std::views::transform([](const Head* head) {
                                         return head->reduced.load(std::memory_order_acquire);
                                       }));
    return number <= reduced_by_all_;
  });
}

void Meeting::pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void Meeting::give_core_away() {
  sched_yield();
}

void Meeting::nap(int64_t waited_ns) {
  std::this_thread::sleep_for(std::clamp<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(waited_ns / 8), kShortestNap, kLongestNap));
  if (on_nap_) on_nap_();
}

int64_t Meeting::now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::pair<int64_t, int64_t> slice_of(int64_t count, int rank, int ranks) {
  const int64_t lines = (count + 63) / 64;
  const int64_t first = lines * rank / ranks * 64;
  const int64_t last = lines * (rank + 1) / ranks * 64;
  return {std::min(first, count), std::min(last, count)};
}

}  // namespace allmodes::world
