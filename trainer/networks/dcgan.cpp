#include <fmt/format.h>

#include "networks/registry.h"

// The convolutional pair of Radford, Metz, Chintala, "Unsupervised representation learning with
// deep convolutional GANs", 2016. Generator and decoder: linear to the smallest image, then
// transposed convolutions (kernel 4, stride 2), each doubling the image and halving the channels,
// with ReLU. Discriminator and encoder: the mirror image, with leaky ReLU, then linear. The
// normalization stands between, except on the first layer of a discriminator and the last of a
// generator. The smallest image has 4 to 7 pixels a side: 28 = 7 * 4, 32 = 4 * 8, 64 = 4 * 16.
// `width` is the number of channels beside the full image; every halving of the image doubles it.

namespace allmodes::networks {
namespace {

struct Pyramid {
  int64_t smallest = 0;  // pixels a side
  int64_t stages = 0;    // halvings
};

Pyramid pyramid(const Shape& image, int64_t width) {
  if (image.size() != 3 || image[1] != image[2])
    throw ShapeError(
        "", fmt::format("dcgan needs images of channels x size x size, not {}", to_string(image)));
  Pyramid result{.smallest = image[1]};
  for (; result.smallest % 2 == 0 && result.smallest >= 8; ++result.stages) result.smallest /= 2;
  if (result.smallest < 4 || result.smallest > 7 || result.stages < 1)
    throw ShapeError("", fmt::format("dcgan makes images of 4, 5, 6 or 7 times a power of two "
                                     "pixels a side (28, 32, 64, ...), not {}; set data.image_size",
                                     image[1]));
  constexpr int64_t kWidest = 1 << 20;
  if (width > kWidest >> (result.stages - 1))
    throw ShapeError("", fmt::format("width {} grows to more than {} channels", width, kWidest));
  return result;
}

std::vector<config::Layer> to_image(const Request& request) {
  const config::Network& network = request.network;
  const auto [smallest, stages] = pyramid(request.output, network.width);
  if (request.input.size() != 1)
    throw ShapeError("", fmt::format("dcgan makes an image from a flat code, not from {}",
                                     to_string(request.input)));
  const bool bias = network.norm == "none";  // a normalization takes the mean away again
  int64_t channels = network.width << (stages - 1);
  std::vector<config::Layer> layers;
  layers.push_back({config::Linear{.units = channels * smallest * smallest, .bias = bias}});
  layers.push_back({config::Reshape{{channels, smallest, smallest}}});
  append_norm(layers, network.norm);
  layers.push_back(activation_layer("relu"));
  for (int64_t stage = 1; stage < stages; ++stage) {
    channels /= 2;
    layers.push_back({config::TransposedConvolution{.channels = channels, .bias = bias}});
    append_norm(layers, network.norm);
    layers.push_back(activation_layer("relu"));
  }
  layers.push_back({config::TransposedConvolution{.channels = request.output[0]}});
  append_output(layers, request);
  return layers;
}

std::vector<config::Layer> from_image(const Request& request) {
  const config::Network& network = request.network;
  const int64_t stages = pyramid(request.input, network.width).stages;
  std::vector<config::Layer> layers;
  for (int64_t stage = 0; stage < stages; ++stage) {
    const bool normed = stage > 0 && network.norm != "none";
    layers.push_back({config::Convolution{.channels = network.width << stage,
                                          .kernel = 4,
                                          .stride = 2,
                                          .padding = 1,
                                          .bias = !normed}});
    if (normed) append_norm(layers, network.norm);
    layers.push_back(activation_layer("leaky_relu"));
  }
  layers.push_back({config::Flatten{}});
  layers.push_back({config::Linear{.units = elements(request.output)}});
  append_output(layers, request);
  if (request.output.size() != 1) layers.push_back({config::Reshape{request.output}});
  return layers;
}

}  // namespace

std::vector<config::Layer> build_dcgan(const Request& request) {
  const bool makes_image = request.role == Role::kGenerator || request.role == Role::kDecoder;
  return makes_image ? to_image(request) : from_image(request);
}

}  // namespace allmodes::networks
