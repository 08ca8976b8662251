#pragma once

// One phase in one step: forward, backward, exchange, update.

#include <string>
#include <vector>

#include "training/noise.h"
#include "training/step.h"

namespace allmodes::training {

// The pass through a network that one phase made and a later phase of the same step goes on from,
// instead of computing the same numbers again: the generator's samples with their autograd graph,
// made in the discriminator's phase and reused in the generator's. Some tensors a microbatch.
class ReusedPass {
 public:
  // What microbatch `index` made; empty where the pass has to be computed.
  std::vector<at::Tensor> of_part(size_t index) const {
    return index < parts_.size() ? parts_[index] : std::vector<at::Tensor>();
  }
  bool made_by(const std::string& network) const;
  bool made_by_any(const std::vector<std::string>& networks) const;

  // A new pass of `networks`, to which each microbatch adds what it made.
  void begin(const std::vector<std::string>& networks);
  void add(std::vector<at::Tensor> made) { parts_.push_back(std::move(made)); }
  // Forgets the pass: its networks' weights change, or there is a new batch.
  void drop() { *this = {}; }

 private:
  std::vector<std::string> networks_;
  std::vector<std::vector<at::Tensor>> parts_;
};

class PhaseRun {
 public:
  // Of `phase` on this rank's `batch` in step `step`; what is given by reference outlives the run.
  // `reused`: null where every phase computes for itself.
  PhaseRun(const objectives::Phase& phase, Model& model, const StepSettings& settings,
           uint64_t step, const LocalBatch& batch, const NoiseSource& noise,
           ReusedPass* reused = nullptr);

  // The whole phase. Without `update` it ends with the averaged gradients.
  StepReport run(bool update);

 private:
  // Losses and gradients of the whole batch, microbatch by microbatch. `keep_local`: no bucket is
  // exchanged meanwhile.
  void compute_gradients(bool keep_local);
  // The loss of microbatch `index`, a weighted sum of the phase's terms.
  at::Tensor forward(const LocalBatch& part, size_t index);
  // Its gradient; the reducers begin to exchange what no later microbatch adds to.
  void backward(const at::Tensor& loss, size_t index, bool keep_local);
  // Averages gradients and batch statistics over the ranks.
  void exchange();
  // Moves weights, moments, averages and running statistics, or skips the update of all networks
  // where the gradient of one is not finite.
  void update();
  std::vector<SkippedUpdate> find_sources(const std::vector<std::string>& networks);

  LocalBatch part_of_batch(int64_t index) const;
  bool makes_reused_pass() const { return reused_ != nullptr && !phase_.hands_on.empty(); }
  void choose_trainable();

  const objectives::Phase& phase_;
  Model& model_;
  const StepSettings& settings_;
  uint64_t step_;
  const LocalBatch& batch_;
  const NoiseSource& noise_;
  ReusedPass* reused_;
  std::vector<NetworkState*> trained_;
  // Networks of which batch statistics are kept: the trained ones, and those whose pass is reused.
  std::vector<std::string> keeps_statistics_;
  StepReport report_;
};

}  // namespace allmodes::training
