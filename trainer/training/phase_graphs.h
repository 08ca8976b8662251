#pragma once

// The phases of a step as CUDA graphs. A phase does the same work in every step: only its batch,
// its noise and the optimizer's rates differ, and these lie in memory that stays where it is. So it
// is recorded once, with its backward, its collectives and its update, and then replayed by one
// launch.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "training/step.h"

namespace allmodes::training {

// What a phase computes, from a batch and noise on the device, among it the numbers of the step
// (objectives/objective.h).
using PhaseWork = std::function<StepReport(const LocalBatch& batch, const NoiseSource& noise)>;

class PhaseGraphs {
 public:
  // Of so many phases on `device`, which is a GPU.
  PhaseGraphs(size_t phases, at::Device device);
  ~PhaseGraphs();
  PhaseGraphs(const PhaseGraphs&) = delete;
  PhaseGraphs& operator=(const PhaseGraphs&) = delete;

  // Does `work` of a phase in step `step`: directly the first few times, for libraries allocate and
  // choose their algorithms then; afterwards by a graph, whose tensors in the returned report hold
  // until the next call. A phase whose work cannot be recorded is always done directly. `recover`
  // puts the model in order after a recording that failed.
  StepReport run(size_t phase, const LocalBatch& batch, uint64_t step, const PhaseWork& work,
                 const std::function<void()>& recover);

  // Why a phase is done directly for good; empty while it is not.
  const std::string& refusal(size_t phase) const;
  bool replays(size_t phase) const;

 private:
  struct Phase;
  at::Device device_;
  std::vector<std::unique_ptr<Phase>> phases_;
};

}  // namespace allmodes::training
