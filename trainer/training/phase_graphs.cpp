#include "training/phase_graphs.h"

#ifdef ALLMODES_WITH_CUDA

#include <ATen/core/grad_mode.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <cuda_runtime_api.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"

namespace allmodes::training {

struct NoiseRequest {
  objectives::NoiseInput input;
  NoiseScope scope;
};

namespace {

// NCCL and cuDNN set themselves up in the first ones.
constexpr int kDirectRuns = 3;
// Elements: slices of the noise start at multiples of 64 bytes.
constexpr int64_t kAlignment = 16;

bool same_numbers(const NoiseRequest& a, const objectives::NoiseInput& input,
                  const NoiseScope& scope) {
  return a.input.name == input.name && a.input.shape == input.shape &&
         a.scope.prefix == scope.prefix && a.scope.first == scope.first &&
         a.scope.count == scope.count;
}

}  // namespace

// All random tensors of a phase in one piece of device memory, filled by one copy a step.
class NoiseTable {
 public:
  void note(const objectives::NoiseInput& input, const NoiseScope& scope) {
    requests_.push_back({input, scope});
  }

  void allocate(at::Device device) {
    int64_t size = 0;
    for (const auto& request : requests_) {
      offsets_.push_back(size);
      const int64_t count = noise_count(request.input, request.scope);
      size += (count + kAlignment - 1) / kAlignment * kAlignment;
    }
    values_ = at::empty({size}, at::TensorOptions().dtype(at::kFloat).device(device));
  }

  void fill(uint64_t step) {
    if (values_.numel() == 0) return;
    const at::Tensor host =
        at::empty(values_.sizes(), at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
    auto* const data = host.data_ptr<float>();
    for (size_t i = 0; i < requests_.size(); ++i) {
      requests_[i].scope.step = step;
      fill_noise(requests_[i].input, requests_[i].scope, data + offsets_[i]);
    }
    values_.copy_(host, /*non_blocking=*/true);
  }

  // The next one, of which the phase asks in the same order every time.
  at::Tensor take(const objectives::NoiseInput& input, const NoiseScope& scope) {
    ALLMODES_CHECK(next_ < requests_.size() && same_numbers(requests_[next_], input, scope),
                   "the phase '{}' asks for other noise than in the step before: '{}'",
                   scope.prefix, input.name);
    std::vector<int64_t> shape = input.shape;
    shape.insert(shape.begin(), scope.count);
    const int64_t offset = offsets_[next_++];
    return values_.narrow(0, offset, noise_count(input, scope)).view(shape);
  }

 private:
  std::vector<NoiseRequest> requests_;
  std::vector<int64_t> offsets_;
  at::Tensor values_;
  size_t next_ = 0;
};

struct PhaseGraphs::Phase {
  int runs = 0;
  std::string refusal;
  NoiseTable noise;
  LocalBatch batch;
  StepReport report;
  std::unique_ptr<at::cuda::CUDAGraph> graph;

  void load(const LocalBatch& from, uint64_t step) {
    batch.samples.copy_(from.samples, /*non_blocking=*/true);
    if (from.labels.defined()) batch.labels.copy_(from.labels, /*non_blocking=*/true);
    noise.fill(step);
  }

  // Nothing of the work is done while it is recorded.
  void record(const PhaseWork& work) {
    auto recording = std::make_unique<at::cuda::CUDAGraph>();
    recording->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      report = work(
          batch, [this](const auto& input, const auto& scope) { return noise.take(input, scope); });
      recording->capture_end();
    } catch (...) {
      const auto failure = std::current_exception();
      try {
        recording->capture_end();
      } catch (const std::exception&) {
        // Says again that the recording is void.
      }
      static_cast<void>(cudaGetLastError());
      std::rethrow_exception(failure);
    }
    graph = std::move(recording);
  }
};

PhaseGraphs::PhaseGraphs(size_t phases, at::Device device) : device_(device) {
  ALLMODES_CHECK(device.is_cuda(), "CUDA graphs on a CPU");
  for (size_t i = 0; i < phases; ++i) phases_.push_back(std::make_unique<Phase>());
}

StepReport PhaseGraphs::run(size_t index, const LocalBatch& batch, uint64_t step,
                            const PhaseWork& work, const std::function<void()>& recover) {
  Phase& phase = *phases_.at(index);
  const bool last_direct = phase.runs + 1 == kDirectRuns;
  if (phase.runs < kDirectRuns || !phase.refusal.empty()) {
    phase.runs = std::min(phase.runs + 1, kDirectRuns);
    return work(batch, [&](const auto& input, const auto& scope) {
      if (last_direct) phase.noise.note(input, scope);
      return make_noise(input, scope, device_);
    });
  }
  const at::NoGradGuard no_grad;
  if (phase.graph == nullptr) {
    phase.noise.allocate(device_);
    phase.batch = {at::empty_like(batch.samples),
                   batch.labels.defined() ? at::empty_like(batch.labels) : at::Tensor(),
                   batch.first};
  }
  phase.load(batch, step);
  if (phase.graph == nullptr) {
    try {
      const at::AutoGradMode with_grad(true);
      phase.record(work);
    } catch (const std::exception& error) {
      phase.refusal = error.what();
      spdlog::warn(
          "phase {} is not recorded as a CUDA graph, its kernels are launched one by one: {}",
          index, phase.refusal);
      recover();
      const at::AutoGradMode with_grad(true);
      return run(index, batch, step, work, recover);
    }
  }
  phase.graph->replay();
  return phase.report;
}

const std::string& PhaseGraphs::refusal(size_t phase) const {
  return phases_.at(phase)->refusal;
}

bool PhaseGraphs::replays(size_t phase) const {
  return phases_.at(phase)->graph != nullptr;
}

PhaseGraphs::~PhaseGraphs() = default;

}  // namespace allmodes::training

#else

#include "base/error.h"

namespace allmodes::training {

struct PhaseGraphs::Phase {};

PhaseGraphs::PhaseGraphs(size_t, at::Device device) : device_(device) {
  ALLMODES_FAIL(ExitCode::kUnavailable, "CUDA graphs in a program built without CUDA");
}

StepReport PhaseGraphs::run(size_t, const LocalBatch& batch, uint64_t, const PhaseWork& work,
                            const std::function<void()>&) {
  return work(batch, noise_on(device_));
}

const std::string& PhaseGraphs::refusal(size_t) const {
  static const std::string kNone;
  return kNone;
}

bool PhaseGraphs::replays(size_t) const {
  return false;
}

PhaseGraphs::~PhaseGraphs() = default;

}  // namespace allmodes::training

#endif
