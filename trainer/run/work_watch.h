#pragma once

// Whether this process gets on with its work, for the watchdog: where that cannot count samples.

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <thread>

#include "world/flight_log.h"

namespace allmodes::run {

// What a process has done since it began.
struct WorkDone {
  double cpu_s = 0;         // processor time of all its threads
  uint64_t bytes_read = 0;  // by system calls
  uint64_t pages_read = 0;  // of mapped files: page faults that had to wait for a disk
};
// Of this process. `root`: where /proc is; without it only the processor time is known.
WorkDone work_done(const std::filesystem::path& root = "/");

// Whether the process moved in `seconds` between the two: it computed for a twentieth of that time
// at least, which a waiting process does not, or a KiB came from files, or one page of a mapped
// file.
bool has_moved(const WorkDone& before, const WorkDone& after, double seconds);

// While it lives, a thread notes progress in `log` as long as the process moves: so a set that
// takes hours to read is no hang, and a process that stands still, on a file system that does not
// answer or a lock, is found within watchdog.stage_limit_s, and named.
class WorkWatch {
 public:
  explicit WorkWatch(world::FlightLog* log);  // null: nobody watches
  ~WorkWatch();
  WorkWatch(const WorkWatch&) = delete;
  WorkWatch& operator=(const WorkWatch&) = delete;

 private:
  void watch();

  world::FlightLog* log_;
  std::mutex mutex_;
  std::condition_variable ends_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace allmodes::run
