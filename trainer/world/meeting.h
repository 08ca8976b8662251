#pragma once

// How the ranks of a node meet in memory that they share: flags, and waiting for them.

#include "world/communicator.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace allmodes::world {

// What a rank brings to an operation; the same on all of them.
struct Description {
  int64_t count = 0;
  DataType type = DataType::f32;
  ReduceOp op = ReduceOp::sum;

  bool operator==(const Description&) const = default;
};

// The operations of a node's ranks are numbered from 1 in the order that all of them share. Of each
// a rank tells the others twice: that its data is in place (arrived), and that it has done its part
// of the work (reduced). Each flag holds the last number of which that is true.
//
// Why a description may be written again: there are kOutstanding of them, used in turn, and a rank
// begins operation n only when operation n - kOutstanding is finished everywhere (await_reduced). A
// rank says `reduced` of an operation after it has compared the descriptions, so none is still
// read.
//
// Every rank's memory is the same everywhere: a release store of a flag by one, and an acquire load
// by another one, put all that was written before the store ahead of all that is read behind the
// load.
//
// One thread begins operations; another one may ask all_arrived(), check() and mark_reduced() of
// those that were begun.
class Meeting {
 public:
  // Operations that may be begun and not finished.
  static constexpr uint64_t kOutstanding = 32;
  // Bytes of each rank's head, a multiple of 64.
  static int64_t head_bytes();

  // `heads`: zeroed memory of each rank of the node, 64-byte aligned, at least head_bytes() long.
  // `on_nap` (may be empty) is called between two looks of a long wait.
  Meeting(std::vector<std::byte*> heads, int rank, std::function<void()> on_nap);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(heads_.size()); }

  // The number of the next operation.
  uint64_t begin() { return ++begun_; }
  uint64_t begun() const { return begun_; }
  // This rank's data of the operation is in place.
  void arrive(uint64_t number, const Description& description);
  bool all_arrived(uint64_t number) const;
  // After all_arrived(). Throws kProtocol where the ranks do not mean the same operation.
  void check(uint64_t number) const;
  // This rank has done its part of the operation.
  void mark_reduced(uint64_t number);
  // Until all ranks have done theirs.
  void await_reduced(uint64_t number);

  // Waits until done(), or until stop(), and says which it was: true for done. At first without
  // giving the core away, which others on time repay; `patient`: gives it away at once.
  template <typename Done>
  bool wait_until(Done done, bool patient = false);
  // Ends the wait of a thread that waits, for good.
  void stop() { stopped_ = true; }

 private:
  struct Head {
    alignas(64) std::atomic<uint64_t> arrived;
    alignas(64) std::atomic<uint64_t> reduced;
    alignas(64) std::array<Description, kOutstanding> descriptions;  // by number
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free);

  static void pause();  // for the other hardware thread of the core
  static void give_core_away();
  // Naps of an eighth of the time that the wait has taken: to look costs the others' time too.
  void nap(int64_t waited_ns);
  static int64_t now_ns();

  std::vector<Head*> heads_;  // by rank of the node
  int rank_;
  std::function<void()> on_nap_;
  uint64_t begun_ = 0;
  uint64_t reduced_by_all_ = 0;  // all ranks have said so, as far as was looked
  std::atomic<bool> stopped_{false};
};

// [first, last) of `count` elements, which a rank of so many adds up: whole cache lines of float32
// and of what is longer, so that no two ranks write to one.
std::pair<int64_t, int64_t> slice_of(int64_t count, int rank, int ranks);

template <typename Done>
bool Meeting::wait_until(Done done, bool patient) {
  // A meeting takes microseconds when all are on time; then others may want the core.
  for (int i = 0; i < 500 && !patient; ++i) {
    if (done()) return true;
    pause();
  }
  for (int i = 0; i < 5000 && !patient; ++i) {
    if (done()) return true;
    give_core_away();
  }
  const int64_t start = now_ns();
  while (!done()) {
    if (stopped_) return false;
    nap(now_ns() - start);
  }
  return true;
}

}  // namespace allmodes::world
