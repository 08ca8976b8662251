#include "networks/pieces.h"

// The convolutional pair of Radford, Metz, Chintala, "Unsupervised representation learning with
// deep convolutional GANs", 2016. Generator and decoder: linear to the smallest image, then
// transposed convolutions (kernel 4, stride 2), each doubling the image and halving the channels,
// with ReLU. Discriminator and encoder: the mirror image, with leaky ReLU, then linear. The
// normalization stands between, except on the first layer of a discriminator and the last of a
// generator. The smallest image has 4 to 7 pixels a side: 28 = 7 * 4, 32 = 4 * 8, 64 = 4 * 16.
// `width` is the number of channels beside the full image; every halving of the image doubles it.

namespace allmodes::networks {
namespace {

Pyramid dcgan_pyramid(const Shape& image, int64_t width) {
  const Pyramid result = pyramid("dcgan", image);
  check_width(width, result.stages - 1);
  return result;
}

Layers dcgan_to_image(const Request& request) {
  const config::Network& network = request.network;
  const auto [smallest, stages] = dcgan_pyramid(request.output, network.width);
  need_code("dcgan", request);
  const bool bias = !makes_bias_idle(network.norm);
  int64_t channels = network.width << (stages - 1);
  Layers layers;
  append_labels(layers, request);
  layers.push_back({config::Linear{.units = channels * smallest * smallest,
                                   .bias = bias,
                                   .spectral_norm = network.spectral_norm}});
  layers.push_back({config::Reshape{{channels, smallest, smallest}}});
  append_norm(layers, network.norm, channels);
  append_activation(layers, network, activation_layer("relu"));
  for (int64_t stage = 1; stage < stages; ++stage) {
    channels /= 2;
    layers.push_back({config::TransposedConvolution{
        .channels = channels, .bias = bias, .spectral_norm = network.spectral_norm}});
    append_norm(layers, network.norm, channels);
    append_activation(layers, network, activation_layer("relu"));
  }
  layers.push_back({config::TransposedConvolution{.channels = request.output[0],
                                                  .spectral_norm = network.spectral_norm}});
  append_output(layers, request);
  return layers;
}

Layers dcgan_from_image(const Request& request) {
  const config::Network& network = request.network;
  const int64_t stages = dcgan_pyramid(request.input, network.width).stages;
  Layers layers;
  append_labels(layers, request);
  for (int64_t stage = 0; stage < stages; ++stage) {
    const std::string norm = stage > 0 ? network.norm : "none";
    const int64_t channels = network.width << stage;
    layers.push_back({config::Convolution{.channels = channels,
                                          .kernel = 4,
                                          .stride = 2,
                                          .padding = 1,
                                          .bias = !makes_bias_idle(norm),
                                          .spectral_norm = network.spectral_norm}});
    append_norm(layers, norm, channels);
    append_activation(layers, network, activation_layer("leaky_relu"));
  }
  append_stddev(layers, request);
  layers.push_back({config::Flatten{}});
  append_head(layers, request);
  return layers;
}

Layers build_dcgan(const Request& request) {
  return request.makes_sample() ? dcgan_to_image(request) : dcgan_from_image(request);
}

}  // namespace

extern const Architecture kDcgan{.name = "dcgan", .build = build_dcgan, .fields = kNormedFields};

}  // namespace allmodes::networks
