#include "world/flight_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "world/communicator.h"

namespace allmodes::world {
namespace {

std::string_view name_of(Collective what) {
  switch (what) {
    case Collective::all_reduce:
      return "all-reduce";
    case Collective::reduce:
      return "reduce";
    case Collective::broadcast:
      return "broadcast";
    case Collective::all_gather:
      return "all-gather";
    case Collective::barrier:
      return "barrier";
    case Collective::split:
      return "split";
    case Collective::device_wait:
      return "wait for the device";
  }
  return "?";
}

std::string_view name_of(FlightState state) {
  switch (state) {
    case FlightState::none:
      return "unknown";
    case FlightState::running:
      return "RUNNING";
    case FlightState::queued:
      return "queued";
    case FlightState::done:
      return "done";
    case FlightState::failed:
      return "FAILED";
  }
  return "?";
}

std::string size_text(int64_t bytes) {
  constexpr double kKiB = 1024;
  const auto size = static_cast<double>(bytes);
  if (size >= kKiB * kKiB) return fmt::format("{:.1f} MiB", size / (kKiB * kKiB));
  if (size >= kKiB) return fmt::format("{:.1f} KiB", size / kKiB);
  return fmt::format("{} B", bytes);
}

}  // namespace

std::string to_text(const Flight& flight) {
  std::string text = fmt::format("#{} {}", flight.sequence, name_of(flight.what));
  const bool reduces = flight.what == Collective::all_reduce || flight.what == Collective::reduce;
  if (reduces) text += fmt::format(" {}", name_of(static_cast<ReduceOp>(flight.op)));
  if (reduces || flight.what == Collective::broadcast)
    text += fmt::format(" {}", name_of(static_cast<DataType>(flight.type)));
  if (flight.bytes > 0) text += fmt::format(" {}", size_text(flight.bytes));
  if (!flight.label.view().empty()) text += fmt::format(", {}", flight.label.view());
  text += fmt::format(" (step {}", flight.step);
  if (!flight.phase.view().empty()) text += fmt::format(", {}", flight.phase.view());
  return text + ")";
}

FlightLog::FlightLog() : start_(std::chrono::steady_clock::now()) {
  stage_.store({ShortText<40>("start or end"), Stage::Kind::unbounded});
}

int64_t FlightLog::now_ns() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() -
                                                              start_)
      .count();
}

// A sign of progress. `worked`: the time since the last one was spent outside of collectives.
void FlightLog::mark(bool worked) {
  const int64_t now = now_ns();
  const int64_t before = marked_ns_.exchange(now, std::memory_order_relaxed);
  if (worked && training_.load(std::memory_order_relaxed) &&
      now - before > longest_work_ns_.load(std::memory_order_relaxed))
    longest_work_ns_.store(now - before, std::memory_order_relaxed);
  progress_.fetch_add(1, std::memory_order_relaxed);
}

void FlightLog::note_progress() {
  mark(running_.load(std::memory_order_relaxed) == 0);
}

void FlightLog::set_phase(std::string_view phase) {
  phase_.store(ShortText<24>(phase));
  note_progress();
}

Stage FlightLog::set_stage(const Stage& stage) {
  const Stage before = this->stage();
  note_progress();
  training_.store(stage.kind == Stage::Kind::training, std::memory_order_relaxed);
  stage_.store(stage);
  return before;
}

void FlightLog::step_done(uint64_t steps) {
  step_.store(steps, std::memory_order_relaxed);
  steps_seen_.fetch_add(1, std::memory_order_relaxed);
  note_progress();
}

double FlightLog::longest_work() const {
  return 1e-9 * static_cast<double>(longest_work_ns_.load(std::memory_order_relaxed));
}

// The sequence's own place, or the next one that no running flight has: a flight that takes very
// long, on another thread, keeps its place until it ends. kKept when there is none.
size_t FlightLog::take_slot(uint64_t sequence) {
  for (size_t tried = 0; tried < kKept; ++tried) {
    const size_t slot = (sequence + tried) % kKept;
    if (!ring_[slot].taken.exchange(true, std::memory_order_acquire)) return slot;
  }
  return kKept;
}

double FlightLog::longest_device_wait() const {
  return 1e-9 * static_cast<double>(longest_device_wait_ns_.load(std::memory_order_relaxed));
}

FlightLog::Running::Running(FlightLog* log, Collective what, int64_t bytes, int ranks,
                            std::string_view label, ReduceOp op, DataType type)
    : log_(log) {
  if (log_ == nullptr) return;
  log_->mark(log_->running_.fetch_add(1, std::memory_order_relaxed) == 0);
  flight_.sequence = log_->sequence_.fetch_add(1, std::memory_order_relaxed) + 1;
  flight_.began_ns = log_->marked_ns_.load(std::memory_order_relaxed);
  flight_.bytes = bytes;
  flight_.step = log_->step();
  flight_.ranks = ranks;
  flight_.what = what;
  flight_.op = static_cast<uint8_t>(op);
  flight_.type = static_cast<uint8_t>(type);
  flight_.phase = log_->phase_.load().value_or(ShortText<24>());
  flight_.label = ShortText<40>(label);
  flight_.state = FlightState::running;
  slot_ = log_->take_slot(flight_.sequence);
  if (slot_ < kKept) log_->ring_[slot_].flight.store(flight_);
}

FlightLog::Running::~Running() {
  if (log_ == nullptr) return;
  if (flight_.state == FlightState::running) flight_.state = FlightState::failed;
  log_->mark(false);
  log_->running_.fetch_sub(1, std::memory_order_relaxed);
  flight_.ended_ns = log_->marked_ns_.load(std::memory_order_relaxed);
  auto& longest = log_->longest_device_wait_ns_;
  const int64_t took = flight_.ended_ns - flight_.began_ns;
  if (flight_.what == Collective::device_wait && took > longest.load(std::memory_order_relaxed))
    longest.store(took, std::memory_order_relaxed);
  if (slot_ == kKept) return;
  log_->ring_[slot_].flight.store(flight_);
  log_->ring_[slot_].taken.store(false, std::memory_order_release);
}

std::vector<Flight> FlightLog::last() const {
  std::vector<Flight> flights;
  for (const auto& slot : ring_) {
    const auto flight = slot.flight.load();
    if (flight && flight->state != FlightState::none) flights.push_back(*flight);
  }
  std::ranges::sort(flights, {}, &Flight::sequence);
  return flights;
}

std::vector<Flight> FlightLog::running() const {
  std::vector<Flight> flights = last();
  std::erase_if(flights, [](const Flight& f) { return f.state != FlightState::running; });
  return flights;
}

std::string to_text(const FlightLog& log, const std::string& who) {
  const auto flights = log.last();
  std::string text =
      fmt::format("flight log of {}: step {}, in stage '{}', last {} of {} collectives\n", who,
                  log.step(), log.stage().name.view(), flights.size(), log.sequence());
  for (const Flight& flight : flights) {
    const double began = 1e-9 * static_cast<double>(flight.began_ns);
    const double took = 1e-6 * static_cast<double>(flight.ended_ns - flight.began_ns);
    text += fmt::format("  {:10.3f} s  {:<7}  {}", began, name_of(flight.state), to_text(flight));
    text += flight.ended_ns > 0 ? fmt::format(", {:.2f} ms\n", took) : "\n";
  }
  return text;
}

}  // namespace allmodes::world
