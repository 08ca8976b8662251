#pragma once

#include "world/communicator.h"

namespace allmodes::gradients {

// What lies between two places of a GPU's stream, in time: taken by the GPU, so that the host does
// not wait. In work that is recorded as a CUDA graph each replay measures anew. Throws kSoftware in
// a program built without CUDA.
class StreamTimer {
 public:
  StreamTimer();
  ~StreamTimer();
  StreamTimer(const StreamTimer&) = delete;
  StreamTimer& operator=(const StreamTimer&) = delete;

  void start(world::Stream stream);
  void stop(world::Stream stream);
  // Between start and stop the last time that the stream came by; waits until it did.
  double seconds() const;

 private:
  void* started_ = nullptr;  // cudaEvent_t
  void* stopped_ = nullptr;
};

}  // namespace allmodes::gradients
