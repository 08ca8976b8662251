#include "objectives/unrolled.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

namespace allmodes::objectives {
namespace {

// The mean over ranks of each tensor, by one exchange.
void average(std::vector<at::Tensor>& tensors, const Coupling& coupling) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : tensors) flat.push_back(tensor.reshape({-1}));
  const at::Tensor mean = coupling.mean(at::cat(flat));
  int64_t first = 0;
  for (at::Tensor& tensor : tensors) {
    const int64_t count = tensor.numel();
    tensor = mean.narrow(0, first, count).view(tensor.sizes());
    first += count;
  }
}

}  // namespace

std::vector<at::Tensor> unrolled_weights(
    std::span<const at::Tensor> weights, int64_t steps, double rate,
    const std::function<at::Tensor(std::span<const at::Tensor>)>& loss, const Coupling& coupling) {
  std::vector<at::Tensor> current;
  for (const at::Tensor& weight : weights) current.push_back(weight.detach().requires_grad_(true));
  for (int64_t k = 0; k < steps; ++k) {
    auto gradients = torch::autograd::grad({loss(current)}, current, {}, /*retain_graph=*/true,
                                           /*create_graph=*/true, /*allow_unused=*/true);
    for (size_t i = 0; i < gradients.size(); ++i)
      if (!gradients[i].defined()) gradients[i] = at::zeros_like(current[i]);
    average(gradients, coupling);
    for (size_t i = 0; i < current.size(); ++i) current[i] = current[i] - gradients[i] * rate;
  }
  return current;
}

}  // namespace allmodes::objectives
