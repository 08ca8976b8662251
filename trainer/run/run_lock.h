#pragma once

// One job at a time trains a run.

#include <filesystem>
#include <string>

namespace allmodes::run {

// Holds the run's folder for this process until it is destroyed or the process ends, however it
// ends: a lock of the operating system (flock) on the file "lock" in the folder, which says who
// holds it while somebody does.
class RunLock {
 public:
  // Waits up to `patience_s` for another holder to go: a job that is being ended may still save.
  // Throws kCannotCreate, naming host, process and since when, when it stays. Where the file system
  // knows no locks, a warning is logged and nothing is held.
  RunLock(const std::filesystem::path& run_folder, const std::string& host, double patience_s = 10);
  ~RunLock();
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace allmodes::run
