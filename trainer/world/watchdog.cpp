#include "world/watchdog.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "world/file_waits.h"
#include "world/start_watch.h"
#include "world/starvation.h"
#include "world/status_board.h"

namespace allmodes::world {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

// Between two looks: often enough to find a stall early, seldom enough to cost nothing.
duration<double> look_interval(const WatchLimits& limits) {
  return duration<double>(limits.limit_s > 0 ? std::clamp(limits.limit_s / 40, 0.02, 0.25) : 0.25);
}

// Seconds that the ranks have to print their flight logs at most, for these to leave the host, and
// for MPI_Abort.
constexpr double kTellingTime = 2.0;
constexpr double kSendingTime = 0.3;
constexpr double kAbortTime = 1.0;
// Rank 0 judges first; the others act when it is silent for this part of the limit.
constexpr double kPatienceWithJudge = 0.6;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// Ends the process after so many seconds, whatever any other of its threads waits for.
void exit_after(double seconds, ExitCode code) {
  std::thread([seconds, code] {
    std::this_thread::sleep_for(duration<double>(seconds));
    ::_exit(static_cast<int>(code));
  }).detach();
}

// Ends the job from a thread beside the one that makes the MPI calls. Where MPI allows one thread
// at a time, on one node, this process alone ends, and its launcher, which sees a process end with
// an error before MPI_Finalize, ends the others.
[[noreturn]] void abort_beside(Runtime& runtime, ExitCode code) {
  if (runtime.concurrent_mpi()) runtime.abort(static_cast<int>(code));
  std::fflush(nullptr);
  ::_exit(static_cast<int>(code));
}

double seconds_now() {
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Watchdog::Watchdog(Runtime& runtime, WatchLimits limits)
    : runtime_(runtime), world_(runtime.world()), hosts_{world_.host}, limits_(limits) {
  if (world_.size > 1) join();
  if (reason_off_.empty()) thread_ = std::thread([this] { look_on(); });
}

void Watchdog::join() {
  const StartWatch start(::getenv, world_.host, StartStage::joined);
  const int64_t concurrent = runtime_.concurrent_mpi() ? 1 : 0;
  if (world_.nodes > 1 && all_reduce_value(runtime_.control(), concurrent, ReduceOp::min) == 0) {
    reason_off_ = "on several nodes it needs an MPI library with MPI_THREAD_MULTIPLE";
    return;
  }
  hosts_ = all_gather_text(runtime_.control(), world_.host);
  board_ = std::make_unique<StatusBoard>(world_);
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::set_limits(WatchLimits limits) {
  {
    const std::scoped_lock lock(mutex_);
    limits_ = limits;
  }
  changed_.notify_all();
}

Status Watchdog::own_status(uint64_t beats) const {
  Status status = status_of(runtime_.flight_log(), limits_);
  status.beats = beats;
  status.pid = static_cast<int32_t>(getpid());
  status.told = told_ ? 1 : 0;
  if (world_.size == 1) {
    // It waits for its disk or its GPU alone, and nobody waits for it.
    status.waiting = 0;
    status.allowance_s = limits_.stage_limit_s;
  }
  return status;
}

// Shows this rank's status to the others; returns theirs, as far as they are known here.
std::span<const Status> Watchdog::exchange(const Status& mine) {
  if (!board_) {
    alone_ = mine;
    return {&alone_, 1};
  }
  board_->publish(mine);
  board_->exchange();
  return board_->statuses();
}

void Watchdog::look_on() {
  StallJudge judge(hosts_);
  // Rank 0 as the others see it: one status, whose beats are its own.
  StallJudge judge_of_root({hosts_.front()});
  Starvation starvation;
  // Read once a second: a process that reads is one that moves, to whoever watches its loaders.
  constexpr std::chrono::seconds kBetweenTimes{1};
  ProcessorTimes times = processor_times();
  auto timed_at = steady_clock::now();
  try {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      const WatchLimits limits = limits_;
      Status mine = own_status(++beats_);
      lock.unlock();
      if (const auto now = steady_clock::now(); now - timed_at >= kBetweenTimes) {
        times = processor_times();
        timed_at = now;
      }
      mine.longer_s += starvation.longer(mine.progress, times);
      const auto statuses = exchange(mine);
      if (board_ && board_->end_ordered()) end({}, {});
      if (const std::string failure = late_failure(); !failure.empty())
        end("a collective failed after it had begun: " + failure, {});
      if (limits.limit_s > 0 && world_.rank == 0) {
        if (const auto stall = judge.look(seconds_now(), statuses, limits))
          end("the job does not move:" + stall->text, stall->ranks);
      } else if (limits.limit_s > 0) {
        Status root;
        root.beats = board_->judge_beats();
        root.pid = static_cast<int32_t>(statuses.front().pid);
        root.progress = root.beats;
        root.doing = statuses.front().doing;
        const WatchLimits patient{limits.limit_s * kPatienceWithJudge / kPatience, 0};
        if (const auto stall =
                judge_of_root.look(seconds_now(), std::span<const Status>(&root, 1), patient))
          end("the job has lost its rank 0:" + stall->text, {0});
      }
      lock.lock();
      changed_.wait_for(lock, look_interval(limits), [this] { return ending_; });
    }
  } catch (const std::exception& error) {
    exit_after(kSendingTime, ExitCode::kProtocol);
    print(fmt::format("allmodes: error [rank {} of {} on {}]: the watchdog: {}\n", world_.rank,
                      world_.size, world_.host, error.what()));
    abort_beside(runtime_, ExitCode::kProtocol);
  }
}

std::shared_ptr<void> Watchdog::watch(Communicator& communicator) {
  const std::scoped_lock lock(checks_->mutex);
  const uint64_t number = checks_->next++;
  checks_->communicators.emplace(number, &communicator);
  // The claim may outlive the watchdog.
  return std::shared_ptr<void>(nullptr, [checks = checks_, number](void*) {
    const std::scoped_lock ending(checks->mutex);
    checks->communicators.erase(number);
  });
}

// What a communicator reports now of a call that returned long ago; empty: nothing.
std::string Watchdog::late_failure() const {
  const std::scoped_lock lock(checks_->mutex);
  try {
    for (const auto& [number, communicator] : checks_->communicators) communicator->check_health();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Of the ranks that can be seen from here.
bool Watchdog::all_have_told(const std::vector<int>& missing) const {
  if (!board_) return true;
  const auto& statuses = board_->statuses();
  for (size_t rank = 0; rank < statuses.size(); ++rank) {
    const bool is_there = statuses[rank].beats > 0 &&
                          std::ranges::find(missing, static_cast<int>(rank)) == missing.end();
    if (is_there && statuses[rank].told == 0) return false;
  }
  return true;
}

// Tells and ends the job; does not return. `report`: of a rank that found it, empty on others.
void Watchdog::end(const std::string& report, const std::vector<int>& missing) {
  // The one that found it waits for the others' logs; those end by themselves when it does not.
  const double wait = report.empty() ? 2 * kTellingTime : kTellingTime;
  // First of all: to print may wait for ever, for a terminal that was stopped or a thread that
  // holds the lock of stderr, and so may MPI_Abort for a host that is gone.
  exit_after(wait + kSendingTime + kAbortTime, ExitCode::kLostRank);
  if (board_ && !report.empty()) board_->order_end();
  const auto who = fmt::format("rank {} of {} on {}", world_.rank, world_.size, world_.host);
  std::string text;
  if (!report.empty()) text = fmt::format("allmodes: error [{}]: {}\n", who, report);
  for (const auto& call : file_waits())
    text += fmt::format("  rank {} on {}: a thread is in {}\n", world_.rank, world_.host, call);
  print(text + to_text(runtime_.flight_log(), who));
  told_ = true;
  const auto until = steady_clock::now() + duration<double>(wait);
  while (steady_clock::now() < until && (report.empty() || !all_have_told(missing))) {
    exchange(own_status(++beats_));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::this_thread::sleep_for(duration<double>(kSendingTime));
  abort_beside(runtime_, ExitCode::kLostRank);
}

}  // namespace allmodes::world
