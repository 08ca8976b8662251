#pragma once

// Adam (Kingma and Ba, arXiv 1412.6980) with bias correction, gradient clipping and an exponential
// moving average of the weights, on a network's flat storage: two passes over it on a CPU, a
// handful of kernels on a GPU.

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "gradients/flat_network.h"

namespace allmodes::optimizers {

// Where an optimizer keeps its moments: in the network's storage, or, for a further optimizer of
// the same weights, in its own.
enum class Moments { of_network, own };

class FlatAdam {
 public:
  // `network` outlives the optimizer. `steps`: of the whole run, for the decay.
  FlatAdam(gradients::FlatNetwork& network, const config::Optimizer& settings, int64_t steps,
           Moments moments = Moments::of_network);

  // Sets the learning rate and the weight of the moving average to those of `step` of the run, from
  // 0. On a GPU they lie in its memory, so that apply() is the same work in every step.
  void schedule(int64_t step);
  // One update from the averaged gradient. A gradient that is not finite leaves weights, moments
  // and average as they are and is counted; it is the same on every rank, as the averaged gradient
  // is. No host synchronization on a GPU.
  void apply();
  void step(int64_t step) {
    schedule(step);
    apply();
  }

  // Clamps every weight to [-limit, limit] (Arjovsky et al., arXiv 1701.07875).
  void clamp_weights(double limit);

  // L2 norm of the last gradient before clipping (synchronizes with a GPU).
  double gradient_norm() const;
  // Updates left out because of a gradient that was not finite (synchronizes with a GPU).
  int64_t skipped() const;
  // Updates applied.
  const at::Tensor& updates() const { return updates_; }
  at::Tensor& updates() { return updates_; }
  // Flat, laid out like the network's parameters.
  const at::Tensor& first_moment() const { return first_moment_; }
  const at::Tensor& second_moment() const { return second_moment_; }

 private:
  void apply_on_host();
  void apply_on_device();

  gradients::FlatNetwork& network_;
  config::Optimizer settings_;
  int64_t steps_;
  double learning_rate_ = 0;
  double average_weight_ = 0;
  at::Tensor rates_;  // on a GPU: the two, as floats
  at::Tensor first_moment_;
  at::Tensor second_moment_;
  at::Tensor updates_;  // float scalar
  at::Tensor skipped_;  // float scalar
  at::Tensor norm_;     // float scalar, never replaced
};

}  // namespace allmodes::optimizers
