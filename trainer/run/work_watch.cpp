#include "run/work_watch.h"

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <string>

namespace allmodes::run {
namespace {

constexpr double kLeastComputing = 0.05;    // share of the time
constexpr uint64_t kLeastBytesRead = 1024;  // more than this thread and others that wait read
constexpr std::chrono::seconds kBetweenLooks{1};

double in_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

WorkDone work_done(const std::filesystem::path& root) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  WorkDone done{.cpu_s = in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime),
                .bytes_read = 0,
                .pages_read = static_cast<uint64_t>(usage.ru_majflt)};
  std::ifstream io(root / "proc/self/io");
  for (std::string name; io >> name;) {
    uint64_t value = 0;
    io >> value;
    if (name == "rchar:") done.bytes_read = value;
  }
  return done;
}

bool has_moved(const WorkDone& before, const WorkDone& after, double seconds) {
  return after.cpu_s - before.cpu_s >= kLeastComputing * seconds ||
         after.bytes_read - before.bytes_read >= kLeastBytesRead ||
         after.pages_read > before.pages_read;
}

WorkWatch::WorkWatch(world::FlightLog* log) : log_(log) {
  if (log_ != nullptr) thread_ = std::thread([this] { watch(); });
}

WorkWatch::~WorkWatch() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ends_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void WorkWatch::watch() {
  using Clock = std::chrono::steady_clock;
  WorkDone before = work_done();
  auto looked_at = Clock::now();
  std::unique_lock lock(mutex_);
  while (!ends_.wait_for(lock, kBetweenLooks, [this] { return ended_; })) {
    const WorkDone now = work_done();
    const std::chrono::duration<double> since = Clock::now() - looked_at;
    if (has_moved(before, now, since.count())) log_->note_progress();
    before = now;
    looked_at = Clock::now();
  }
}

}  // namespace allmodes::run
