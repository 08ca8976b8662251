#include <fmt/format.h>

#include <algorithm>

#include "networks/pieces.h"

// The residual pair of Miyato et al., "Spectral normalization for generative adversarial networks",
// arXiv 1802.05957, appendix B.4. Generator and decoder: linear to 4 x 4, residual blocks of batch
// norm, ReLU, nearest upsampling and two 3x3 convolutions, then batch norm, ReLU, convolution.
// Discriminator and encoder: residual blocks of ReLU, two 3x3 convolutions with spectral norm and
// average pooling, then ReLU, the sum over pixels, and linear. The shortcuts are resampling and a
// 1x1 convolution.
//
// 32 pixels (table 3): all blocks have `width` channels, published 256 in the generator and 128 in
// the discriminator, of which the last two blocks keep 8 x 8. 64 and more: `width` (published 64)
// is the number of channels beside the full image, doubled by every halving; the discriminator's
// last block keeps the smallest image.
//
// The spectral norm of the discriminator belongs to the architecture; an encoder has none.

namespace allmodes::networks {
namespace {

constexpr const char* kSnResnetName = "sn_resnet";

Pyramid sn_resnet_pyramid(const Shape& image) {
  const auto fits = [](int64_t side) { return side >= 32 && (side & (side - 1)) == 0; };
  const int64_t side = side_of(kSnResnetName, image, 1);
  if (!fits(side))
    throw ShapeError("", fmt::format("{} makes images of 32, 64, 128, ... pixels a side, not {}; "
                                     "set data.image_size, the nearest that fit: {}",
                                     kSnResnetName, side, nearest_sides(side, fits)));
  return pyramid(kSnResnetName, image);
}

bool is_constant(const Pyramid& image) {
  return image.stages == 3;
}

config::Layer sn_resnet_convolution(int64_t channels, int64_t kernel, bool spectral_norm) {
  return {config::Convolution{.channels = channels,
                              .kernel = kernel,
                              .padding = kernel / 2,
                              .spectral_norm = spectral_norm}};
}

config::Layer enlarging_block(int64_t channels) {
  config::Residual block;
  append_norm(block.layers, "batch", channels);
  block.layers.push_back(activation_layer("relu"));
  block.layers.push_back({config::Upsample{}});
  block.layers.push_back(sn_resnet_convolution(channels, 3, false));
  append_norm(block.layers, "batch", channels);
  block.layers.push_back(activation_layer("relu"));
  block.layers.push_back(sn_resnet_convolution(channels, 3, false));
  block.shortcut = {{config::Upsample{}}, sn_resnet_convolution(channels, 1, false)};
  return {block};
}

// The first block takes the image as it is, and pools before its 1x1 convolution.
config::Layer reducing_block(int64_t channels, bool first, bool pools, bool same, bool sn) {
  config::Residual block;
  if (!first) block.layers.push_back(activation_layer("relu"));
  block.layers.push_back(sn_resnet_convolution(channels, 3, sn));
  block.layers.push_back(activation_layer("relu"));
  block.layers.push_back(sn_resnet_convolution(channels, 3, sn));
  if (pools) block.layers.push_back({config::Downsample{}});
  if (first)
    block.shortcut = {{config::Downsample{}}, sn_resnet_convolution(channels, 1, sn)};
  else if (pools)
    block.shortcut = {sn_resnet_convolution(channels, 1, sn), {config::Downsample{}}};
  else if (!same)
    block.shortcut = {sn_resnet_convolution(channels, 1, sn)};
  return {block};
}

Layers sn_resnet_to_image(const Request& request) {
  const Pyramid image = sn_resnet_pyramid(request.output);
  const int64_t width = request.network.width;
  need_code(kSnResnetName, request);
  check_width(width, image.stages);
  Layers layers;
  append_labels(layers, request);
  const auto channels_at = [&](int64_t stage) {
    return is_constant(image) ? width : width << stage;
  };
  const int64_t first = channels_at(image.stages);
  layers.push_back({config::Linear{.units = first * image.smallest * image.smallest}});
  layers.push_back({config::Reshape{{first, image.smallest, image.smallest}}});
  for (int64_t stage = image.stages - 1; stage >= 0; --stage)
    layers.push_back(enlarging_block(channels_at(stage)));
  append_norm(layers, "batch", channels_at(0));
  layers.push_back(activation_layer("relu"));
  layers.push_back(sn_resnet_convolution(request.output[0], 3, false));
  append_output(layers, request);
  return layers;
}

Layers sn_resnet_from_image(const Request& request) {
  const Pyramid image = sn_resnet_pyramid(request.input);
  const int64_t width = request.network.width;
  check_width(width, image.stages);
  const bool sn = request.role == Role::kDiscriminator;
  Layers layers;
  append_labels(layers, request);
  const int64_t pooling = is_constant(image) ? 2 : image.stages;
  const int64_t blocks = is_constant(image) ? 4 : image.stages + 1;
  for (int64_t i = 0; i < blocks; ++i) {
    const bool pools = i < pooling, grows = !is_constant(image) && pools && i > 0;
    const int64_t channels = is_constant(image) ? width : width << std::min(i, pooling - 1);
    layers.push_back(reducing_block(channels, i == 0, pools, !grows, sn));
  }
  append_stddev(layers, request);
  layers.push_back(activation_layer("relu"));
  layers.push_back({config::GlobalPool{.reduction = "sum"}});
  config::Network head = request.network;
  head.spectral_norm = sn;
  append_head(layers, Request{head, request.input, request.output, request.role,
                              request.output_activation, request.conditioning});
  return layers;
}

Layers build_sn_resnet(const Request& request) {
  return request.makes_sample() ? sn_resnet_to_image(request) : sn_resnet_from_image(request);
}

}  // namespace

extern const Architecture kSnResnet{
    .name = "sn_resnet", .build = build_sn_resnet, .fields = kNormFreeFields};

}  // namespace allmodes::networks
