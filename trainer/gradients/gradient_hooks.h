#pragma once

// The one place that touches autograd's hook interface.

#include <ATen/core/Tensor.h>

#include <functional>

namespace allmodes::gradients {

// Calls `ready` once per backward after `parameter` (a leaf) has received its whole gradient.
// Replaces an earlier hook of the same parameter.
void on_gradient_ready(const at::Tensor& parameter, std::function<void()> ready);

void remove_hook(const at::Tensor& parameter);

// Runs backward from a scalar loss into the .grad of the leaves that require it. Of a loss that is
// not finite the gradients are NaN, also where the loss's own derivative is a number (the square of
// 1e30 is infinite in float32, its derivative 2e30): what follows must not take such a step.
void backward(const at::Tensor& loss);

}  // namespace allmodes::gradients
