#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "networks/pieces.h"

// The autoencoder of latent diffusion (Rombach et al., arXiv 2112.10752; Esser et al., arXiv
// 2012.09841, table 7). Encoder: a convolution, then at each size of the image `depth` residual
// blocks, between sizes a convolution of stride 2 padded at the right and below; at the smallest
// size a block, attention, a block; normalization, SiLU, a convolution, and a convolution of kernel
// 1. Decoder: the mirror image with a block more at each size; images grow by nearest neighbours
// and a convolution. A block is normalization, SiLU, convolution, twice. Channels are `width` times
// 1, 2, 4, 4, ... from the largest image down; normalization is over 32 groups of channels, or as
// many as divide them.

namespace allmodes::networks {
namespace {

constexpr std::string_view kResidualAutoencoderFields[] = {"width", "depth", "dropout",
                                                           "output_activation", "initialization"};

void append_group_norm(Layers& layers, int64_t channels) {
  layers.push_back({config::GroupNorm{.groups = std::gcd(int64_t{32}, channels), .epsilon = 1e-6}});
}

config::Layer same_size(int64_t channels, int64_t kernel = 3) {
  return {config::Convolution{.channels = channels, .kernel = kernel, .padding = (kernel - 1) / 2}};
}

void append_block(Layers& layers, const config::Network& network, int64_t from, int64_t to) {
  config::Residual block;
  append_group_norm(block.layers, from);
  block.layers.push_back(activation_layer("silu"));
  block.layers.push_back(same_size(to));
  append_group_norm(block.layers, to);
  append_activation(block.layers, network, activation_layer("silu"));
  block.layers.push_back(same_size(to));
  if (from != to) block.shortcut = {same_size(to, 1)};
  layers.push_back({block});
}

void append_middle(Layers& layers, const config::Network& network, int64_t channels) {
  append_block(layers, network, channels, channels);
  config::Residual attention;
  append_group_norm(attention.layers, channels);
  attention.layers.push_back({config::Attention{}});
  layers.push_back({attention});
  append_block(layers, network, channels, channels);
}

void append_end(Layers& layers, int64_t channels, int64_t outputs) {
  append_group_norm(layers, channels);
  layers.push_back(activation_layer("silu"));
  layers.push_back(same_size(outputs));
}

// How often `large` is halved to make `small`.
int64_t halvings_between(const Shape& large, const Shape& small) {
  if (large.size() != 3 || small.size() != 3)
    throw ShapeError("", fmt::format("residual_autoencoder is between images, not {} and {}",
                                     to_string(large), to_string(small)));
  int64_t times = 0;
  while (small[1] << times < large[1] && small[2] << times < large[2]) ++times;
  if (small[1] << times != large[1] || small[2] << times != large[2])
    throw ShapeError("", fmt::format("residual_autoencoder halves an image so often: {} is no such "
                                     "size of {}",
                                     to_string(small), to_string(large)));
  return times;
}

int64_t channels_at(const config::Network& network, int64_t halvings) {
  return network.width << std::min(halvings, int64_t{2});
}

Layers to_small_image(const Request& request) {
  const config::Network& network = request.network;
  const int64_t times = halvings_between(request.input, request.output);
  Layers layers{same_size(network.width)};
  int64_t channels = network.width;
  for (int64_t level = 0; level <= times; ++level) {
    const int64_t wanted = channels_at(network, level);
    for (int64_t i = 0; i < network.depth; ++i) {
      append_block(layers, network, channels, wanted);
      channels = wanted;
    }
    if (level == times) break;
    layers.push_back({config::ZeroPad{.before = 0, .after = 1}});
    layers.push_back({config::Convolution{.channels = channels, .kernel = 3, .stride = 2}});
  }
  append_middle(layers, network, channels);
  append_end(layers, channels, request.output[0]);
  layers.push_back(same_size(request.output[0], 1));
  append_output(layers, request);
  return layers;
}

Layers from_small_image(const Request& request) {
  const config::Network& network = request.network;
  const int64_t times = halvings_between(request.output, request.input);
  int64_t channels = channels_at(network, times);
  Layers layers{same_size(request.input[0], 1), same_size(channels)};
  append_middle(layers, network, channels);
  for (int64_t level = times; level >= 0; --level) {
    const int64_t wanted = channels_at(network, level);
    for (int64_t i = 0; i <= network.depth; ++i) {
      append_block(layers, network, channels, wanted);
      channels = wanted;
    }
    if (level == 0) break;
    layers.push_back({config::Upsample{}});
    layers.push_back(same_size(channels));
  }
  append_end(layers, channels, request.output[0]);
  append_output(layers, request);
  return layers;
}

Layers build_residual_autoencoder(const Request& request) {
  check_width(request.network.width, 2);
  return request.makes_sample() ? from_small_image(request) : to_small_image(request);
}

}  // namespace

extern const Architecture kResidualAutoencoder{.name = "residual_autoencoder",
                                               .build = build_residual_autoencoder,
                                               .fields = kResidualAutoencoderFields};

}  // namespace allmodes::networks
