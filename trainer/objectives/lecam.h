#pragma once

// LeCam regularization (Tseng et al., "Regularizing generative adversarial networks under limited
// data", arXiv 2104.03310, equation 6; clipped at 0 as in its authors' program): a discriminator
// pays for scores of reals above the running mean of those of fakes, and for scores of fakes below
// that of reals, squared. The running means are over the batches of all ranks.

#include "objectives/objective.h"
#include "objectives/registry.h"

namespace allmodes::objectives {

class LeCam {
 public:
  // The running means are buffers behind those that `discriminator` has.
  explicit LeCam(const networks::Plan& discriminator) : first_(discriminator.buffers.size()) {}

  // Adds them to the plan; `decay` of the means.
  static void add_buffers(networks::Plan& discriminator, double decay);

  // E max(0, D(x) - mean of fakes)^2 + E max(0, mean of reals - D(G))^2, a scalar; 0 before the
  // first update.
  at::Tensor loss(const Forward& forward, const Scores& scores) const;
  // What moves the means of the discriminator `network`.
  std::vector<BufferMean> means(const std::string& network, const Scores& scores) const;

 private:
  // Running sums of means of reals and fakes, and 1 - decay^updates, which they sum to.
  enum Buffer : size_t { kReal, kFake, kMass };

  size_t first_;
};

}  // namespace allmodes::objectives
