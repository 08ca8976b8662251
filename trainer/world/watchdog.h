#pragma once

// Notices a job that no longer moves: MPI reports a rank that died, but never one that was stopped
// or whose cable was cut; the others wait in a collective for ever.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace allmodes::world {

// A thread that calls `on_stall` once, with the last feed's text and the seconds since, when
// feed() has not come for `limit`. `on_stall` runs on that thread, so it should report and end the
// process (Runtime::abort); it must not use a communicator.
class Watchdog {
 public:
  using OnStall = std::function<void(const std::string& doing, double seconds)>;

  Watchdog(std::chrono::milliseconds limit, OnStall on_stall);  // limit > 0
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Starts the time anew. `doing`: what happens from now on, e.g. "step 120, evaluation".
  void feed(std::string doing);

 private:
  void watch();

  std::chrono::milliseconds limit_;
  OnStall on_stall_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::steady_clock::time_point fed_ = std::chrono::steady_clock::now();
  std::string doing_ = "start";
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace allmodes::world
