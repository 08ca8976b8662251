#include <fmt/format.h>

#include "networks/pieces.h"

// A residual pair without normalization in the manner of Huang et al., "The GAN is dead; long live
// the GAN!" (R3GAN), arXiv 2501.05441, section 4 and figure 4. Every resolution has two residual
// blocks: 1x1 convolution to twice the channels, 3x3 convolution in groups of 16 channels, 1x1
// back, with leaky ReLU 0.2 between. Generator and decoder: linear to the smallest image, the
// blocks with bilinear upsampling between resolutions, 1x1 convolution. Discriminator and encoder:
// 1x1 convolution, the blocks with average pooling between, a convolution of each channel over the
// whole smallest image, linear. The smallest image has 4 to 7 pixels a side.
//
// `width` is the number of channels at every resolution, a multiple of 8. The published networks
// set the last convolution of each block to zero at the start; here the first values of
// kaiming_uniform make each block a small part of the sum, and nothing is zero.

namespace allmodes::networks {
namespace {

constexpr const char* kR3ganName = "r3gan";
constexpr int64_t kBlocks = 2;
constexpr int64_t kExpansion = 2;
constexpr int64_t kGroupSize = 16;

config::Layer r3gan_convolution(int64_t channels, int64_t kernel, int64_t groups = 1,
                                bool bias = true) {
  return {config::Convolution{.channels = channels,
                              .kernel = kernel,
                              .padding = kernel / 2,
                              .bias = bias,
                              .groups = groups}};
}

void append_blocks(Layers& layers, int64_t width) {
  const int64_t inner = kExpansion * width;
  for (int64_t i = 0; i < kBlocks; ++i)
    layers.push_back({config::Residual{
        .layers = {r3gan_convolution(inner, 1), activation_layer("leaky_relu"),
                   r3gan_convolution(inner, 3, inner / kGroupSize), activation_layer("leaky_relu"),
                   r3gan_convolution(width, 1, 1, /*bias=*/false)},
        .shortcut = {}}});
}

int64_t checked_width(const config::Network& network) {
  if (network.width % (kGroupSize / kExpansion) != 0)
    throw ShapeError("", fmt::format("width is {}, {} needs a multiple of {}", network.width,
                                     kR3ganName, kGroupSize / kExpansion));
  return network.width;
}

Layers r3gan_to_image(const Request& request) {
  const Pyramid image = pyramid(kR3ganName, request.output);
  const int64_t width = checked_width(request.network);
  need_code(kR3ganName, request);
  Layers layers;
  append_labels(layers, request);
  layers.push_back({config::Linear{.units = width * image.smallest * image.smallest}});
  layers.push_back({config::Reshape{{width, image.smallest, image.smallest}}});
  append_blocks(layers, width);
  for (int64_t stage = 0; stage < image.stages; ++stage) {
    layers.push_back({config::Upsample{.mode = "bilinear"}});
    append_blocks(layers, width);
  }
  layers.push_back(r3gan_convolution(request.output[0], 1));
  append_output(layers, request);
  return layers;
}

Layers r3gan_from_image(const Request& request) {
  const Pyramid image = pyramid(kR3ganName, request.input);
  const int64_t width = checked_width(request.network);
  Layers layers;
  append_labels(layers, request);
  layers.push_back(r3gan_convolution(width, 1));
  append_blocks(layers, width);
  for (int64_t stage = 0; stage < image.stages; ++stage) {
    layers.push_back({config::Downsample{}});
    append_blocks(layers, width);
  }
  append_stddev(layers, request);
  const int64_t channels = width + (request.network.minibatch_stddev > 0 ? 1 : 0);
  layers.push_back({config::Convolution{
      .channels = channels, .kernel = image.smallest, .bias = false, .groups = channels}});
  layers.push_back({config::Flatten{}});
  append_head(layers, request);
  return layers;
}

Layers build_r3gan(const Request& request) {
  return request.makes_sample() ? r3gan_to_image(request) : r3gan_from_image(request);
}

}  // namespace

extern const Architecture kR3gan{.name = "r3gan", .build = build_r3gan, .fields = kNormFreeFields};

}  // namespace allmodes::networks
