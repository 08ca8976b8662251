#pragma once

// How far the host may run ahead of its GPU.

#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>
#include <deque>

#include "world/flight_log.h"

namespace allmodes::gradients {

// A host that enqueues work without end waits for it somewhere, at the next figure that it reads
// say, for as many steps as it is ahead. Then nobody can tell a GPU that hangs in a collective,
// whose ranks have to be ended within seconds, from one that still has a hundred steps to do. So at
// the end of each step the host waits for the end of the one kAhead steps before, which costs
// nothing while the GPU has steps to do, and each such wait is in the flight log as a wait for the
// device.
class StepPacer {
 public:
  static constexpr size_t kAhead = 2;

  // Does nothing on a CPU. `log`, which may be null, outlives the object.
  StepPacer(c10::Device device, world::FlightLog* log) : device_(device), log_(log) {}
  ~StepPacer();
  StepPacer(const StepPacer&) = delete;
  StepPacer& operator=(const StepPacer&) = delete;

  // Behind the work of step number `step` on the compute stream. Throws kProtocol when CUDA fails.
  void step_enqueued(uint64_t step);
  // Waits for all that is enqueued, step by step, before figures of it are read.
  void wait_for_all();

 private:
  struct Step {
    void* event = nullptr;  // a cudaEvent_t
    uint64_t step = 0;
  };
  void wait_for_oldest();

  c10::Device device_;
  world::FlightLog* log_;
  std::deque<Step> enqueued_;
  std::deque<void*> free_;  // events to use again
};

}  // namespace allmodes::gradients
