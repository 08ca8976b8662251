#pragma once

// The one place that touches autograd's hook interface.

#include <ATen/core/Tensor.h>

#include <functional>

namespace allmodes::gradients {

// Calls `ready` once per backward after `parameter` (a leaf) has received its whole gradient.
// Replaces an earlier hook of the same parameter.
void on_gradient_ready(const at::Tensor& parameter, std::function<void()> ready);

void remove_hook(const at::Tensor& parameter);

// Runs backward from a scalar loss into the .grad of the leaves that require it.
void backward(const at::Tensor& loss);

}  // namespace allmodes::gradients
