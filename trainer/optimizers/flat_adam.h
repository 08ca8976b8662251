#pragma once

// Adam (Kingma and Ba, arXiv 1412.6980) with bias correction, gradient clipping and an exponential
// moving average of the weights, on a network's flat storage: two passes over it on a CPU, a
// handful of kernels on a GPU.

#include <ATen/core/Tensor.h>

#include "config/run_config.h"
#include "gradients/flat_network.h"
#include "optimizers/schedule.h"

namespace allmodes::optimizers {

// How many updates an optimizer has skipped because a gradient was not finite.
struct SkippedUpdates {
  int64_t all = 0;
  int64_t in_a_row = 0;  // up to the last update; 0 after one that was applied
  int64_t longest_row = 0;
};

// Where an optimizer keeps its moments: in the network's storage, or, for a further optimizer of
// the same weights, in its own.
enum class Moments { of_network, own };

// One update of Adam on tensors of one shape and device, with a beta2 that lies in a tensor, which
// the fused kernel does not take: as adam_update() (adam_kernel.h), without clipping and average.
// `bad`, `updates` (with this one), `rate` and `beta2` are float scalars; where `bad` is 1 nothing
// changes.
struct AdamTensors {
  at::Tensor parameters, gradient, first_moment, second_moment;
};
struct AdamScalars {
  at::Tensor bad, updates, rate, beta2;
};
void adam_with_scheduled_beta2(const AdamTensors& tensors, const AdamScalars& scalars,
                               const config::Optimizer& settings);

class FlatAdam {
 public:
  // `network` outlives the optimizer. `length`: of the whole run, for the schedules.
  FlatAdam(gradients::FlatNetwork& network, const config::Optimizer& settings, Length length,
           Moments moments = Moments::of_network);

  // Sets the learning rate, beta2 and the weight of the moving average to those of `step` of the
  // run, from 0. On a GPU they lie in its memory, so that apply() is the same work in every step.
  // The average moves once a step, by `averages`: with it false the next apply() leaves the average
  // alone.
  void schedule(int64_t step, bool averages = true);
  // Takes the norm of the averaged gradient. Returns a float scalar, 1 where the norm is not finite
  // and else 0, the same on every rank, as the averaged gradient is. No host synchronization on a
  // GPU.
  at::Tensor measure();
  // One update from the gradient that was measured. Where `bad` is 1 it is skipped: weights,
  // moments and average stay as they are, and it is counted. `bad`: what measure() returned, or the
  // maximum over the networks of a phase, which are updated together or not at all. No host
  // synchronization on a GPU.
  void apply(const at::Tensor& bad);
  void step(int64_t step) {
    schedule(step);
    apply(measure());
  }

  // Clamps every weight to [-limit, limit] (Arjovsky et al., arXiv 1701.07875).
  void clamp_weights(double limit);

  // L2 norm of the last gradient before clipping (synchronizes with a GPU).
  double gradient_norm() const;
  // Since the optimizer was made (synchronizes with a GPU).
  SkippedUpdates skipped() const;
  // Updates applied.
  const at::Tensor& updates() const { return updates_; }
  at::Tensor& updates() { return updates_; }
  // Flat, laid out like the network's parameters.
  const at::Tensor& first_moment() const { return first_moment_; }
  const at::Tensor& second_moment() const { return second_moment_; }

 private:
  void apply_on_host(bool skip);
  void apply_on_device(const at::Tensor& bad);
  void fused_update(const at::Tensor& gradient, const at::Tensor& bad);

  gradients::FlatNetwork& network_;
  config::Optimizer settings_;
  Length length_;
  double learning_rate_ = 0;
  double beta2_ = 0;
  double average_weight_ = 0;
  at::Tensor rates_;  // on a GPU: the three, as floats
  at::Tensor first_moment_;
  at::Tensor second_moment_;
  at::Tensor updates_;  // float scalar
  at::Tensor skipped_;  // float [3]: the members of SkippedUpdates, in their order
  at::Tensor norm_;     // float scalar, never replaced
};

}  // namespace allmodes::optimizers
