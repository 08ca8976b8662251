#include "world/host_exchange.h"

#include "base/error.h"
#include "world/fold.h"
#include "world/machine_exchange.h"
#include "world/mpi_communicator.h"
#include "world/shared_window.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ranges>
#include <utility>

namespace allmodes::world {
namespace {

// What a rank brings to an operation; the same on all of them.
struct Description {
  int64_t count = 0;
  DataType type = DataType::f32;
  ReduceOp op = ReduceOp::sum;

  bool operator==(const Description&) const = default;
};
constexpr uint64_t kOutstanding = 32;  // operations that are begun and not finished

// A message beside its own flag, for those whose cost is the meeting: every rank adds up everything
// for itself, which takes one meeting instead of two, and of a few numbers one cache line a rank
// crosses.
constexpr int64_t kNoteBytes = 2048;
struct alignas(64) Note {
  std::atomic<uint64_t> number;
  Description description;
  alignas(8) std::byte data[kNoteBytes];
};

// What a rank tells the others of its machine: the last operation whose data is in place, and the
// last whose slice it has added up. At the head of its part of the window.
struct Flags {
  alignas(64) std::atomic<uint64_t> arrived;
  alignas(64) std::atomic<uint64_t> reduced;
  alignas(64) Description descriptions[kOutstanding];  // of the operations, by number
  Note notes[2];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
constexpr int64_t kFlagBytes = 8192;
static_assert(sizeof(Flags) <= kFlagBytes);

constexpr std::chrono::microseconds kShortestNap{50};
constexpr std::chrono::microseconds kLongestNap{500};

Flags& flags(std::byte* base) {
  return *reinterpret_cast<Flags*>(base);
}

int size_of_group(MPI_Comm group) {
  int size = 0;
  check_mpi(MPI_Comm_size(group, &size), "MPI_Comm_size", -1);
  return size;
}

}  // namespace

std::unique_ptr<HostExchange> HostExchange::make(MPI_Comm group, HostExchangeOptions options) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(group, &rank), "MPI_Comm_rank", -1);
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(group, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type", rank);
  check_mpi(MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", rank);
  const int size = size_of_group(node);
  std::array<int, 2> extremes{size, -size};
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, extremes.data(), 2, MPI_INT, MPI_MAX, group),
            "MPI_Allreduce", rank);
  if (extremes[0] != -extremes[1]) {
    check_mpi(MPI_Comm_free(&node), "MPI_Comm_free", rank);
    return nullptr;
  }
  MPI_Comm across = MPI_COMM_NULL;
  if (size_of_group(group) > size) {
    int place = 0;
    check_mpi(MPI_Comm_rank(node, &place), "MPI_Comm_rank", rank);
    check_mpi(MPI_Comm_split(group, place, rank, &across), "MPI_Comm_split", rank);
    check_mpi(MPI_Comm_set_errhandler(across, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", rank);
  }
  return std::unique_ptr<HostExchange>(new HostExchange(node, across, options));
}

HostExchange::HostExchange(MPI_Comm node, MPI_Comm across, HostExchangeOptions options)
    : node_(node), options_(options) {
  ALLMODES_CHECK(options_.piece_bytes >= 64 && options_.piece_bytes % 64 == 0, "pieces of {} bytes",
                 options_.piece_bytes);
  check_mpi(MPI_Comm_rank(node_, &rank_), "MPI_Comm_rank", -1);
  size_ = size_of_group(node_);
  if (across != MPI_COMM_NULL)
    machines_ = std::make_unique<MachineExchange>(
        across, MachineExchangeOptions{.piece_bytes = options_.piece_bytes,
                                       .bfloat16 = options_.bfloat16,
                                       .sleeps = options_.thread,
                                       .log = options_.log});
  window_ = std::make_shared<SharedWindow>(node_, kFlagBytes + 2 * options_.piece_bytes);
  for (size_t i = 0; i < slots_.size(); ++i) {
    for (std::byte* base : window_->bases()) {
      notes_[i].push_back(flags(base).notes[i].data);
      slots_[i].push_back(base + kFlagBytes + static_cast<int64_t>(i) * options_.piece_bytes);
    }
  }
  if (options_.thread) thread_ = std::thread([this] { work(); });
}

HostExchange::~HostExchange() {
  if (thread_.joinable()) {
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  window_.reset();
  machines_.reset();
  int finalized = 0;
  if (std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0)
    return;
  MPI_Comm_free(&node_);
}

std::shared_ptr<void> HostExchange::allocate(int64_t bytes) {
  ALLMODES_CHECK(bytes > 0, "{} bytes of shared memory", bytes);
  drain();
  auto window = std::make_shared<SharedWindow>(node_, bytes);
  std::erase_if(allocated_, [](const auto& other) { return other.window.expired(); });
  allocated_.push_back({window->own(), bytes, window});
  std::byte* own = window->own();
  return {std::move(window), own};
}

std::shared_ptr<SharedWindow> HostExchange::window_of(const Buffer& buffer) const {
  const auto* data = static_cast<const std::byte*>(buffer.data);
  for (const Allocated& memory : allocated_)
    if (data >= memory.own && data + buffer.bytes() <= memory.own + memory.bytes)
      if (auto window = memory.window.lock()) return window;
  return nullptr;
}

std::vector<std::byte*> HostExchange::places_of(const Buffer& buffer,
                                                const SharedWindow& window) const {
  std::vector<std::byte*> places = window.bases();
  for (std::byte*& place : places)
    place += static_cast<const std::byte*>(buffer.data) - window.own();
  return places;
}

std::pair<int64_t, int64_t> HostExchange::slice(int64_t count, int rank) const {
  // Whole cache lines, so that no two ranks write to one.
  const int64_t lines = (count + 63) / 64;
  const int64_t first = lines * rank / size_ * 64;
  const int64_t last = lines * (rank + 1) / size_ * 64;
  return {std::min(first, count), std::min(last, count)};
}

void HostExchange::all_reduce(const Buffer& buffer, ReduceOp op) {
  drain();
  if (fits_a_note(buffer)) return reduce_notes(buffer, op);
  const int64_t width = size_of(buffer.type);
  const int64_t step = options_.piece_bytes / width;
  auto* data = static_cast<std::byte*>(buffer.data);
  for (int64_t begin = 0; begin < buffer.count; begin += step, data += step * width) {
    const int64_t count = std::min(step, buffer.count - begin);
    const auto bytes = static_cast<size_t>(count * width);
    const uint64_t number = ++begun_;
    // A rank that writes into a slot again has met the others in the piece between, so they have
    // read it.
    const auto& slots = slots_[staged_++ % 2];
    std::byte* own = slots[static_cast<size_t>(rank_)];
    std::memcpy(own, data, bytes);
    arrive(number, {data, count, buffer.type, buffer.place}, op);
    wait_until([&] { return all_arrived(number); });
    check_descriptions(number);
    const auto [first, last] = slice(count, rank_);
    fold_range(buffer.type, slots, {own}, first, last, op, machines_ == nullptr ? size_ : 0);
    if (machines_ != nullptr) {
      std::byte* part = own + first * width;
      machines_->all_reduce({.data = part, .count = last - first, .type = buffer.type, .op = op});
      divide_mean(part, last - first, buffer.type, op);
    }
    flags(window_->own()).reduced.store(number, std::memory_order_release);
    await_slices(number);
    for (int other = 0; other < size_; ++other) {
      const auto [from, to] = slice(count, other);
      std::memcpy(data + from * width, slots[static_cast<size_t>(other)] + from * width,
                  static_cast<size_t>((to - from) * width));
    }
  }
}

std::optional<uint64_t> HostExchange::begin(const Buffer& buffer, ReduceOp op) {
  if (fits_a_note(buffer)) return std::nullopt;
  const auto window = window_of(buffer);
  if (window == nullptr) return std::nullopt;
  if (begun_ >= kOutstanding) finish(std::min(begun_ + 1 - kOutstanding, last_in_place_));
  const uint64_t number = last_in_place_ = ++begun_;
  arrive(number, buffer, op);
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({number, buffer, op, places_of(buffer, *window)});
  }
  if (thread_.joinable()) changed_.notify_all();
  return number;
}

bool HostExchange::advance() {
  bool moved = false;
  if (const Operation* next = next_to_start(); next != nullptr && all_arrived(next->number)) {
    start(*next);
    moved = true;
  }
  if (machines_ != nullptr && machines_->advance()) moved = true;
  return moved;
}

const HostExchange::Operation* HostExchange::next_to_start() {
  const std::scoped_lock lock(mutex_);
  return started_ < waiting_.size() ? &waiting_[started_] : nullptr;
}

void HostExchange::start(const Operation& operation) {
  check_descriptions(operation.number);
  {
    const std::scoped_lock lock(mutex_);
    ++started_;
  }
  const Buffer& buffer = operation.buffer;
  const auto [first, last] = slice(buffer.count, rank_);
  if (machines_ == nullptr) {
    fold_range(buffer.type, operation.places, operation.places, first, last, operation.op, size_);
    return end(operation);
  }
  std::byte* own = operation.places[static_cast<size_t>(rank_)];
  fold_range(buffer.type, operation.places, {own}, first, last, operation.op, 0);
  machines_->begin({.data = own + first * size_of(buffer.type),
                    .count = last - first,
                    .type = buffer.type,
                    .op = operation.op,
                    .may_round = true,
                    .done = [this, &operation] { spread(operation); }});
}

void HostExchange::divide_mean(std::byte* data, int64_t count, DataType type, ReduceOp op) const {
  if (op == ReduceOp::mean) divide_host(data, count, type, size_ * machines_->machines());
}

// The sum over all machines to the ranks of this one.
void HostExchange::spread(const Operation& operation) {
  const Buffer& buffer = operation.buffer;
  const auto [first, last] = slice(buffer.count, rank_);
  const int64_t begin = first * size_of(buffer.type);
  const auto bytes = static_cast<size_t>((last - first) * size_of(buffer.type));
  std::byte* own = operation.places[static_cast<size_t>(rank_)] + begin;
  divide_mean(own, last - first, buffer.type, operation.op);
  for (int other = 0; other < size_; ++other)
    if (other != rank_)
      std::memcpy(operation.places[static_cast<size_t>(other)] + begin, own, bytes);
  end(operation);
}

void HostExchange::end(const Operation& operation) {
  flags(window_->own()).reduced.store(operation.number, std::memory_order_release);
  const std::scoped_lock lock(mutex_);
  waiting_.pop_front();
  --started_;
  changed_.notify_all();
}

void HostExchange::run_up_to(uint64_t number) {
  const auto done = [&] { return waiting_.empty() || waiting_.front().number > number; };
  if (thread_.joinable()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done() || failure_ != nullptr; });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    return;
  }
  wait_until([&] { return done() || (advance(), done()); });
}

void HostExchange::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    lock.unlock();
    std::exception_ptr failure;
    try {
      // Between machines it is the network that is waited for: the core is left to others.
      wait_until([this] { return advance(); }, /*patient=*/machines_ != nullptr);
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

void HostExchange::finish(uint64_t operation) {
  run_up_to(operation);
  await_slices(operation);
}

void HostExchange::drain() {
  finish(last_in_place_);
}

void HostExchange::arrive(uint64_t number, const Buffer& buffer, ReduceOp op) {
  Flags& own = flags(window_->own());
  own.descriptions[number % kOutstanding] = {buffer.count, buffer.type, op};
  own.arrived.store(number, std::memory_order_release);
}

bool HostExchange::fits_a_note(const Buffer& buffer) const {
  return machines_ == nullptr && buffer.bytes() <= kNoteBytes;
}

void HostExchange::reduce_notes(const Buffer& buffer, ReduceOp op) {
  const uint64_t number = ++begun_;
  // A rank that writes over a note has met the others in the note between, so they have read it.
  const size_t place = written_++ % notes_.size();
  const Description mine{buffer.count, buffer.type, op};
  Note& own = flags(window_->own()).notes[place];
  own.description = mine;
  std::memcpy(own.data, buffer.data, static_cast<size_t>(buffer.bytes()));
  arrive(number, buffer, op);  // before the note: who sees this sees the description
  own.number.store(number, std::memory_order_release);
  uint64_t looks = 0;
  const auto there = [&](std::byte* base) {
    return flags(base).notes[place].number.load(std::memory_order_acquire) == number;
  };
  wait_until([&] {
    if (std::ranges::all_of(window_->bases(), there)) return true;
    // One that means another operation may not write a note; its flag says so.
    if (++looks % 256 == 0 && all_arrived(number)) check_descriptions(number);
    return false;
  });
  for (std::byte* base : window_->bases())
    if (flags(base).notes[place].description != mine) check_descriptions(number);
  fold_range(buffer.type, notes_[place], {static_cast<std::byte*>(buffer.data)}, 0, buffer.count,
             op, size_);
  flags(window_->own()).reduced.store(number, std::memory_order_release);
}

bool HostExchange::all_arrived(uint64_t number) const {
  return std::ranges::all_of(window_->bases(), [&](std::byte* base) {
    return flags(base).arrived.load(std::memory_order_acquire) >= number;
  });
}

void HostExchange::check_descriptions(uint64_t number) const {
  const Description& mine = flags(window_->own()).descriptions[number % kOutstanding];
  for (size_t other = 0; other < window_->bases().size(); ++other) {
    const Description& theirs = flags(window_->bases()[other]).descriptions[number % kOutstanding];
    if (theirs == mine) continue;
    ALLMODES_FAIL(ExitCode::kProtocol,
                  "the ranks of this machine disagree about all-reduce {}: the {} of {} {} here "
                  "(rank {} of the machine), the {} of {} {} on its rank {}; start every rank with "
                  "the same binary, configuration and data",
                  number, name_of(mine.op), mine.count, name_of(mine.type), rank_,
                  name_of(theirs.op), theirs.count, name_of(theirs.type), other);
  }
}

void HostExchange::await_slices(uint64_t number) {
  // The others' flags are in their caches: what is known is not looked up again.
  wait_until([&] {
    if (number <= reduced_by_all_) return true;
    reduced_by_all_ =
        std::ranges::min(window_->bases() | std::views::transform([](std::byte* base) {
                           return flags(base).reduced.load(std::memory_order_acquire);
                         }));
    return number <= reduced_by_all_;
  });
}

template <typename Done>
void HostExchange::wait_until(Done done, bool patient) {
  // A meeting takes microseconds when all are on time; then others may want the core.
  for (int i = 0; i < 500 && !patient; ++i) {
    if (done()) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  for (int i = 0; i < 5000 && !patient; ++i) {
    if (done()) return;
    sched_yield();
  }
  // Then in naps of an eighth of the time that it has taken: to look costs the others' time too.
  const auto start = std::chrono::steady_clock::now();
  while (!done()) {
    std::this_thread::sleep_for(std::clamp<std::chrono::nanoseconds>(
        (std::chrono::steady_clock::now() - start) / 8, kShortestNap, kLongestNap));
    if (thread_.joinable()) continue;
    // MPI moves what it still has to send to other machines only while it is called.
    int found = 0;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, node_, &found, MPI_STATUS_IGNORE),
              "MPI_Iprobe", rank_);
  }
}

}  // namespace allmodes::world
