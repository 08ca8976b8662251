#pragma once

// What a rank does, kept so that another thread can tell it while the rank hangs: its last
// collectives, and what it does between them. Recording takes no lock and allocates nothing.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "world/seq_locked.h"

namespace allmodes::world {

enum class DataType;
enum class ReduceOp;

enum class Collective : uint8_t {
  all_reduce,
  reduce,
  broadcast,
  all_gather,
  barrier,
  split,
  device_wait,  // the host waits for its GPU, on which collectives of all ranks may be queued
};
// A collective on a device is queued when the call returns; when it is done the host does not know.
enum class FlightState : uint8_t { none, running, queued, done, failed };

// A text cut to what fits. Zero bytes are the empty text.
template <size_t N>
struct ShortText {
  std::array<char, N> characters{};

  ShortText() = default;
  explicit ShortText(std::string_view text) { text.copy(characters.data(), N - 1); }
  std::string_view view() const { return characters.data(); }
};

// One collective of this rank.
struct Flight {
  uint64_t sequence = 0;  // from 1, over all communicators of the process
  int64_t began_ns = 0;   // since the log's start
  int64_t ended_ns = 0;   // 0: not yet
  int64_t bytes = 0;      // of this rank
  uint64_t step = 0;      // of the run, as step_done() counted them
  int32_t ranks = 0;      // of the communicator
  Collective what = Collective::barrier;
  uint8_t op = 0;    // a ReduceOp, of reductions
  uint8_t type = 0;  // a DataType
  FlightState state = FlightState::none;
  ShortText<24> phase;  // of the training step: "discriminator"
  ShortText<40> label;  // the caller's: "generator, bucket 1 of 3"
};

// "#532 all-reduce mean f32 1.2 MiB, generator, bucket 1 of 3 (step 120, discriminator)"
std::string to_text(const Flight& flight);

// What a rank does between collectives, and how long that may take without a sign of progress.
struct Stage {
  enum class Kind : uint8_t {
    training,   // measured against what steps have taken so far
    unbounded,  // start, evaluation, checkpoint: has an allowance of its own
  };
  ShortText<40> name;
  Kind kind = Kind::unbounded;
};

class FlightLog {
 public:
  static constexpr size_t kKept = 64;

  FlightLog();

  // A collective that runs; its end is the end of the object. Threads may have one each.
  class Running {
   public:
    Running(FlightLog* log, Collective what, int64_t bytes, int ranks, std::string_view label,
            ReduceOp op = {}, DataType type = {});
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    // What it ended with; without this call it failed.
    void finish(FlightState state) { flight_.state = state; }

   private:
    FlightLog* log_;
    size_t slot_ = 0;
    Flight flight_;
  };

  // Each is a sign of progress, and called by the thread that trains.
  void set_phase(std::string_view phase);
  Stage set_stage(const Stage& stage);  // returns the one before
  void step_done(uint64_t steps);
  // A sign of progress within a stage, from any thread; takes tens of nanoseconds.
  void note_progress();

  uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }
  uint64_t sequence() const { return sequence_.load(std::memory_order_relaxed); }
  uint64_t step() const { return step_.load(std::memory_order_relaxed); }
  // Calls of step_done() in this process.
  uint64_t steps_seen() const { return steps_seen_.load(std::memory_order_relaxed); }
  Stage stage() const { return stage_.load().value_or(Stage{}); }
  // Longest time between two signs of progress outside of collectives while training, in seconds.
  double longest_work() const;
  // Longest wait for the device that has ended, in seconds.
  double longest_device_wait() const;
  // The collectives that have not ended, oldest first.
  std::vector<Flight> running() const;
  // The last ones, oldest first; at most kKept.
  std::vector<Flight> last() const;

 private:
  // A place of the ring. It is written by one thread at a time: by the one that has taken it.
  struct Slot {
    std::atomic<bool> taken{false};
    SeqLocked<Flight> flight;
  };
  int64_t now_ns() const;
  void mark(bool worked);
  size_t take_slot(uint64_t sequence);

  std::chrono::steady_clock::time_point start_;
  std::atomic<uint64_t> sequence_{0};
  std::atomic<uint64_t> progress_{0};
  std::atomic<uint64_t> step_{0};
  std::atomic<uint64_t> steps_seen_{0};
  std::atomic<int> running_{0};
  std::atomic<bool> training_{false};
  std::atomic<int64_t> marked_ns_{0};
  std::atomic<int64_t> longest_work_ns_{0};
  std::atomic<int64_t> longest_device_wait_ns_{0};
  SeqLocked<ShortText<24>> phase_;
  SeqLocked<Stage> stage_;
  std::array<Slot, kKept> ring_;
};

// Declares a stage for as long as it lives. Does nothing with no log.
class ScopedStage {
 public:
  ScopedStage(FlightLog* log, std::string_view name, Stage::Kind kind = Stage::Kind::unbounded)
      : log_(log) {
    if (log_ != nullptr) before_ = log_->set_stage({ShortText<40>(name), kind});
  }
  ~ScopedStage() {
    if (log_ != nullptr) log_->set_stage(before_);
  }
  ScopedStage(const ScopedStage&) = delete;
  ScopedStage& operator=(const ScopedStage&) = delete;

 private:
  FlightLog* log_;
  Stage before_;
};

// The log as text, a line a collective, newest last; `who` heads it: "rank 1 of 4 on node7".
std::string to_text(const FlightLog& log, const std::string& who);

}  // namespace allmodes::world
