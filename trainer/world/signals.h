#pragma once

// Stopping at the end of a step because a signal asked for it.

#include <csignal>
#include <string>
#include <vector>

namespace allmodes::world {

// While it lives, what asks a process to end is noted instead of ending it: SIGTERM, SIGINT, SIGHUP
// (the terminal was closed), SIGQUIT, SIGPIPE (whoever read the output is gone), SIGXCPU (the time
// limit of ulimit -t), and SIGUSR1 and SIGUSR2 (what batch systems send ahead of their limit).
// SIGHUP and SIGQUIT stay ignored where the process was started so (nohup). A second SIGINT ends
// the process at once. A signal may reach some ranks alone or at another step: agree over all ranks
// before acting on it. At most one object a process; the former handlers come back with its end.
class StopRequest {
 public:
  // The signals above.
  static std::vector<int> all_signals();
  // Throws kOsError if a handler cannot be installed, kSoftware if an object exists already.
  explicit StopRequest(const std::vector<int>& signals = all_signals());
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

// "SIGTERM"; "signal 77" for one without a name.
std::string signal_name(int signal);

}  // namespace allmodes::world
