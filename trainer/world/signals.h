#pragma once

// Stopping at the end of a step because a signal asked for it.

#include <csignal>
#include <vector>

namespace allmodes::world {

// While it lives, SIGTERM, SIGINT and `user_signal` (what a batch system sends ahead of its time
// limit) are noted instead of ending the process. A second SIGINT ends it at once. A signal may
// reach some ranks alone or at another step: agree over all ranks before acting on it. At most one
// object a process; the former handlers come back with its end.
class StopRequest {
 public:
  // Throws kOsError if a handler cannot be installed, kSoftware if an object exists already.
  explicit StopRequest(int user_signal = SIGUSR1);
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  bool requested() const { return signal() != 0; }
  int signal() const;  // the first one that came; 0: none yet

 private:
  struct Former {
    int signal;
    struct sigaction action;
  };
  void restore() noexcept;
  std::vector<Former> former_;
};

}  // namespace allmodes::world
