#include "gradients/stream_timer.h"

#include "base/error.h"

#ifdef ALLMODES_WITH_CUDA

#include <cuda_runtime_api.h>

#include "world/cuda_check.h"

namespace allmodes::gradients {
namespace {

void* make_event() {
  cudaEvent_t event = nullptr;
  world::check_cuda(cudaEventCreate(&event), "cudaEventCreate");
  return event;
}

void record(void* event, world::Stream on) {
  const auto stream = static_cast<cudaStream_t>(on);
  cudaStreamCaptureStatus recording = cudaStreamCaptureStatusNone;
  world::check_cuda(cudaStreamIsCapturing(stream, &recording), "cudaStreamIsCapturing");
  // A graph would keep the event as an edge between its nodes and never record it.
  const unsigned flags =
      recording == cudaStreamCaptureStatusNone ? cudaEventRecordDefault : cudaEventRecordExternal;
  world::check_cuda(cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event), stream, flags),
                    "cudaEventRecordWithFlags");
}

}  // namespace

StreamTimer::StreamTimer() : started_(make_event()), stopped_(make_event()) {}

StreamTimer::~StreamTimer() {
  static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(started_)));
  static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(stopped_)));
}

void StreamTimer::start(world::Stream stream) {
  record(started_, stream);
}

void StreamTimer::stop(world::Stream stream) {
  record(stopped_, stream);
}

double StreamTimer::seconds() const {
  const auto stopped = static_cast<cudaEvent_t>(stopped_);
  world::check_cuda(cudaEventSynchronize(stopped), "cudaEventSynchronize");
  float milliseconds = 0;
  world::check_cuda(
      cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(started_), stopped),
      "cudaEventElapsedTime");
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace allmodes::gradients

#else

namespace allmodes::gradients {

StreamTimer::StreamTimer() {
  ALLMODES_FAIL(ExitCode::kSoftware, "a GPU's stream is timed in a program built without CUDA");
}
StreamTimer::~StreamTimer() = default;
void StreamTimer::start(world::Stream) {}
void StreamTimer::stop(world::Stream) {}
double StreamTimer::seconds() const {
  return 0;
}

}  // namespace allmodes::gradients

#endif
