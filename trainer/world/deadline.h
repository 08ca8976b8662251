#pragma once

// Ends a process that waits for others for too long where nothing else watches it.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"

namespace allmodes::world {

// Unless it is destroyed within `seconds` of its construction, a thread of its own calls `explain`,
// writes the text that it returns to stderr (nothing if it is empty) and ends the process with
// `code`, without destructors and without a call to MPI: the launcher, which sees a process end
// with an error before MPI_Finalize, ends the other ranks. 0 seconds: never.
class Deadline {
 public:
  Deadline(double seconds, ExitCode code, std::function<std::string()> explain);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool met_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace allmodes::world
