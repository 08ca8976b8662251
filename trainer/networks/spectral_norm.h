#pragma once

// Spectral normalization (Miyato et al., arXiv 1802.05957, section 2.1 and algorithm 1).

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace allmodes::networks {

struct SpectralNorm {
  at::Tensor weight;  // weight / sigma, of the same shape
  at::Tensor u;       // [rows], without a gradient: the left singular vector that sigma used
};

// Divides `weight` by an estimate of its largest singular value, as a matrix [rows, everything
// else] (of a convolution, whose Lipschitz constant this bounds only up to a factor of at most its
// kernel). `rows` is the axis of the outputs: 0, or 1 of a transposed convolution. With W that
// matrix:
//   v = W^T u / |W^T u|,  u' = W v / |W v| (iterate) or u / |u| (not),  sigma = u'^T W v,
// a lower bound that reaches the singular value as u is replaced by u' again and again. u and v are
// constants in the gradient, which flows through W in sigma as well. Differentiable twice.
SpectralNorm spectral_norm(const at::Tensor& weight, int64_t rows, const at::Tensor& u,
                           bool iterate);

}  // namespace allmodes::networks
