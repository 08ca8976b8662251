#include "pretrained/convolutions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/sqrt.h>

namespace allmodes::pretrained {

at::Tensor Convolution::operator()(const at::Tensor& x) const {
  return at::conv2d(x, kernel, bias, {stride, stride}, {padding[0], padding[1]}, {1, 1}, groups);
}

Convolution folded(const Weights& weights, const std::string& kernel, const std::string& norm,
                   double epsilon, at::Device device) {
  const auto value = [&](const std::string& name) { return weights.at(name).to(at::kDouble); };
  const at::Tensor scale =
      value(norm + ".weight") / at::sqrt(value(norm + ".running_var") + epsilon);
  const at::Tensor bias = value(norm + ".bias") - value(norm + ".running_mean") * scale;
  return {.kernel = (value(kernel) * scale.view({-1, 1, 1, 1})).to(at::kFloat).to(device),
          .bias = bias.to(at::kFloat).to(device)};
}

}  // namespace allmodes::pretrained
