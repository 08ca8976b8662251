// Planning layers that are linear maps with a learned weight, or made of them.

#include <algorithm>

#include "networks/planner.h"

namespace allmodes::networks {
namespace {

void check_window(const Planner& planner, int64_t channels, int64_t kernel, int64_t stride,
                  int64_t padding) {
  planner.at_least("channels", channels, 1);
  planner.at_least("kernel", kernel, 1);
  planner.at_least("stride", stride, 1);
  planner.at_least("padding", padding, 0);
  // Keeps the arithmetic of the output's size far from overflow.
  constexpr int64_t kLargest = 1 << 16;
  if (std::max({kernel, stride, padding}) > kLargest)
    planner.refuse("kernel, stride and padding must be at most {}", kLargest);
}

}  // namespace

Shape plan_layer(Planner& planner, const config::Linear& layer, const Shape& shape) {
  planner.at_least("units", layer.units, 1);
  planner.need_flat("linear", shape);
  planner.add_weight_and_bias({layer.units, shape[0]}, layer.units, shape[0], layer.bias,
                              layer.gain);
  if (layer.spectral_norm) planner.add_singular_vector("u", layer.units);
  return {layer.units};
}

Shape plan_layer(Planner& planner, const config::Convolution& layer, const Shape& shape) {
  check_window(planner, layer.channels, layer.kernel, layer.stride, layer.padding);
  planner.at_least("groups", layer.groups, 1);
  planner.need_image("convolution", shape);
  if (shape[0] % layer.groups != 0 || layer.channels % layer.groups != 0)
    planner.refuse("groups is {}, it must divide the channels of the input, {}, and the output, {}",
                   layer.groups, shape[0], layer.channels);
  Shape output{layer.channels};
  for (size_t axis = 1; axis < 3; ++axis) {
    const int64_t room = shape[axis] + 2 * layer.padding - layer.kernel;
    if (room < 0)
      planner.refuse("convolution of kernel {} does not fit an input of {}x{} with padding {}",
                     layer.kernel, shape[1], shape[2], layer.padding);
    output.push_back(room / layer.stride + 1);
  }
  const int64_t inputs = shape[0] / layer.groups;
  planner.add_weight_and_bias({layer.channels, inputs, layer.kernel, layer.kernel}, layer.channels,
                              inputs * layer.kernel * layer.kernel, layer.bias, layer.gain);
  if (layer.spectral_norm) planner.add_singular_vector("u", layer.channels);
  return output;
}

Shape plan_layer(Planner& planner, const config::TransposedConvolution& layer, const Shape& shape) {
  check_window(planner, layer.channels, layer.kernel, layer.stride, layer.padding);
  planner.at_least("output_padding", layer.output_padding, 0);
  if (layer.output_padding >= layer.stride)
    planner.refuse("output_padding is {}, it must be less than the stride, {}",
                   layer.output_padding, layer.stride);
  planner.at_least("groups", layer.groups, 1);
  planner.need_image("transposed_convolution", shape);
  if (shape[0] % layer.groups != 0 || layer.channels % layer.groups != 0)
    planner.refuse("groups is {}, it must divide the channels of the input, {}, and the output, {}",
                   layer.groups, shape[0], layer.channels);
  if (layer.groups > 1 && layer.spectral_norm)
    planner.refuse("spectral_norm of a transposed convolution in groups is not there");
  Shape output{layer.channels};
  for (size_t axis = 1; axis < 3; ++axis) {
    output.push_back((shape[axis] - 1) * layer.stride - 2 * layer.padding + layer.kernel +
                     layer.output_padding);
    if (output.back() < 1)
      planner.refuse(
          "transposed_convolution of kernel {}, stride {}, padding {} leaves nothing of an input "
          "of {}x{}",
          layer.kernel, layer.stride, layer.padding, shape[1], shape[2]);
  }
  // torch.nn counts the second axis of the weight, which is the output's channels here.
  const int64_t outputs = layer.channels / layer.groups;
  // A pixel of the output sums over as many of the input as strides fit into the kernel.
  const int64_t reach = std::max<int64_t>(1, layer.kernel / layer.stride);
  planner.add_weight_and_bias({shape[0], outputs, layer.kernel, layer.kernel}, layer.channels,
                              outputs * layer.kernel * layer.kernel, layer.bias, layer.gain,
                              shape[0] / layer.groups * reach * reach);
  if (layer.spectral_norm) planner.add_singular_vector("u", layer.channels);
  return output;
}

Shape plan_layer(Planner& planner, const config::Maxout& layer, const Shape& shape) {
  planner.at_least("units", layer.units, 1);
  planner.at_least("pieces", layer.pieces, 2);
  planner.need_flat("maxout", shape);
  planner.check_size("output", {layer.pieces, layer.units});
  planner.add_weight_and_bias({layer.pieces * layer.units, shape[0]}, layer.pieces * layer.units,
                              shape[0], layer.bias);
  return {layer.units};
}

Shape plan_layer(Planner& planner, const config::Attention&, const Shape& shape) {
  planner.need_image("attention", shape);
  planner.check_size("attention of the pixels", {shape[1], shape[2], shape[1], shape[2]});
  const int64_t channels = shape[0];
  for (const char* name : {"query", "key", "value", "output"}) {
    planner.add_weight(name, {channels, channels}, channels);
    planner.add_bias(fmt::format("{}_bias", name).c_str(), channels, channels);
  }
  return shape;
}

Shape plan_layer(Planner& planner, const config::SelfAttention& layer, const Shape& shape) {
  planner.at_least("reduction", layer.reduction, 1);
  planner.need_image("self_attention", shape);
  const int64_t channels = shape[0];
  if (channels % layer.reduction != 0)
    planner.refuse("reduction is {}, it must divide the channels, {}", layer.reduction, channels);
  planner.check_size("attention of the pixels", {shape[1], shape[2], shape[1], shape[2]});
  const int64_t reduced = channels / layer.reduction;
  for (const char* name : {"query", "key", "value"})
    planner.add_weight(name, {reduced, channels}, channels);
  planner.add_weight("output", {channels, reduced}, reduced);
  planner.add("gain", {1}, Init::kZero, 1);
  return shape;
}

}  // namespace allmodes::networks
