#pragma once

// The kernels of a maximum mean discrepancy (Gretton et al., "A kernel two-sample test", 2012), in
// numbers: what the loss and the diagnostics share. Free of Torch.
//
//   imq  sum over s of C_s / (C_s + |x - y|^2)   (Tolstikhin et al., arXiv 1711.01558, section 4)
//   rbf  exp(-|x - y|^2 / C)
//
// with C = 2 d v scale, the mean squared distance of two draws of a prior of dimension d and
// variance v a coordinate, times `scale`; C_s = C s for s = .1, .2, .5, 1, 2, 5, 10.

#include <vector>

#include "config/run_config.h"

namespace allmodes::objectives {

// Variance of a coordinate of the prior, the mean over the coordinates; > 0.
double prior_variance(const config::Latent& latent);

struct KernelFunction {
  bool inverse_multiquadric = true;
  std::vector<double> widths;  // C_s, > 0; one for rbf

  double at_zero() const { return static_cast<double>(widths.size()); }  // k(x, x)
};

KernelFunction make_kernel(const config::Kernel& kernel, const config::Latent& latent);

}  // namespace allmodes::objectives
