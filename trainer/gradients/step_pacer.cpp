#include "gradients/step_pacer.h"

#include <fmt/format.h>

#ifdef ALLMODES_WITH_CUDA
#include <cuda_runtime_api.h>

#include "gradients/compute_stream.h"
#include "world/cuda_check.h"
#endif

namespace allmodes::gradients {

#ifdef ALLMODES_WITH_CUDA

StepPacer::~StepPacer() {
  for (const Step& step : enqueued_) free_.push_back(step.event);
  for (void* event : free_) static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(event)));
}

void StepPacer::step_enqueued(uint64_t step) {
  if (!device_.is_cuda()) return;
  if (free_.empty()) {
    cudaEvent_t event = nullptr;
    // The host sleeps while it waits: loaders and the exchange want its core.
    world::check_cuda(
        cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync),
        "cudaEventCreateWithFlags");
    free_.push_back(event);
  }
  void* event = free_.front();
  free_.pop_front();
  enqueued_.push_back({event, step});
  world::check_cuda(cudaEventRecord(static_cast<cudaEvent_t>(event),
                                    static_cast<cudaStream_t>(compute_stream(device_))),
                    "cudaEventRecord");
  while (enqueued_.size() > kAhead) wait_for_oldest();
}

void StepPacer::wait_for_all() {
  while (!enqueued_.empty()) wait_for_oldest();
}

void StepPacer::wait_for_oldest() {
  const Step oldest = enqueued_.front();
  const std::string label = fmt::format("step {}", oldest.step);
  world::FlightLog::Running flight(log_, world::Collective::device_wait, 0, 1, label);
  world::check_cuda(cudaEventSynchronize(static_cast<cudaEvent_t>(oldest.event)),
                    "cudaEventSynchronize");
  flight.finish(world::FlightState::done);
  enqueued_.pop_front();
  free_.push_back(oldest.event);
}

#else

StepPacer::~StepPacer() = default;
void StepPacer::step_enqueued(uint64_t) {}
void StepPacer::wait_for_all() {}

#endif

}  // namespace allmodes::gradients
