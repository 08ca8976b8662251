#pragma once

// Convolutions with the batch norm behind them, of networks that are no longer trained: one
// convolution with a bias.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "pretrained/weight_table.h"

namespace allmodes::pretrained {

struct Convolution {
  at::Tensor kernel;  // [outputs, inputs / groups, height, width]
  at::Tensor bias;    // [outputs]
  int64_t stride = 1;
  std::array<int64_t, 2> padding{0, 0};  // of the height, of the width, on either side
  int64_t groups = 1;

  at::Tensor operator()(const at::Tensor& x) const;
};

// y = (conv(x) - mean) / sqrt(variance + epsilon) * weight + bias, computed once in double. The
// norm's four tensors are NORM.weight, .bias, .running_mean and .running_var.
Convolution folded(const Weights& weights, const std::string& kernel, const std::string& norm,
                   double epsilon, at::Device device);

}  // namespace allmodes::pretrained
