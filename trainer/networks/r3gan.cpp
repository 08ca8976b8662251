#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "networks/pieces.h"

// The residual pair of Huang et al., "The GAN is dead; long live the GAN!" (R3GAN), arXiv
// 2501.05441, section 4 and appendix, as its authors' program has it. Every resolution has `depth`
// residual blocks without normalization: 1x1 convolution to twice the channels, 3x3 convolution in
// groups, 1x1 back, with a bias and leaky ReLU 0.2 before the second and the third. Between
// resolutions the image is filtered with [1, 2, 1], and a 1x1 convolution changes the number of
// channels where it must. Generator and decoder begin with a linear layer whose every output is
// multiplied with a learned smallest image of its own, and end with a 1x1 convolution.
// Discriminator and encoder begin with a 1x1 convolution and end with the inner product of each
// channel and a learned smallest image, and a linear layer. The smallest image has 4 to 7 pixels a
// side. Convolutions have no bias but that of the activations, which is the one of the convolution
// before.
//
// `width` channels beside the full image, doubled by each halving up to `widest`.
//
// First weights are normal with deviation gain / sqrt(inputs): in a block of L in all the gain is
// sqrt(2 / (1 + 0.2^2)) L^(-1/4) in the first two convolutions and 0 in the last one, so that every
// block starts as the identity; elsewhere it is 1.
//
// Conditional: the generator takes an embedding of the label, as long as its code, beside the code;
// a discriminator with projection gives the inner product of its `width` features and an embedding.

namespace allmodes::networks {
namespace {

constexpr const char* kR3ganName = "r3gan";
constexpr int64_t kExpansion = 2;
constexpr double kSlope = 0.2;

constexpr std::string_view kR3ganFields[] = {"width",
                                             "widest",
                                             "depth",
                                             "group_size",
                                             "output_activation",
                                             "minibatch_stddev",
                                             "minibatch_features"};

config::Layer r3gan_convolution(int64_t channels, double gain, int64_t kernel = 1,
                                int64_t groups = 1, bool bias = false) {
  return {config::Convolution{.channels = channels,
                              .kernel = kernel,
                              .padding = kernel / 2,
                              .bias = bias,
                              .groups = groups,
                              .gain = gain}};
}

// The sizes of a pair, and its blocks.
class Stages {
 public:
  Stages(const config::Network& network, const Pyramid& image) : network_(network), image_(image) {
    const int64_t blocks = network.depth * (image.stages + 1);
    gain_ = std::sqrt(2 / (1 + kSlope * kSlope)) * std::pow(static_cast<double>(blocks), -0.25);
    check_width(network.width, network.widest > 0 ? image.stages : 0);
    for (int64_t halvings = 0; halvings <= image.stages; ++halvings)
      if (kExpansion * width(halvings) % network.group_size != 0)
        throw ShapeError(
            "", fmt::format("{}: twice the width, {} at {} pixels, must be a multiple of the "
                            "group_size, {}",
                            kR3ganName, kExpansion * width(halvings), image.smallest << halvings,
                            network.group_size));
  }

  // Channels beside the image halved so many times.
  int64_t width(int64_t halvings) const {
    if (network_.widest == 0) return network_.width;
    return std::min(std::max(network_.width, network_.widest), network_.width << halvings);
  }
  int64_t smallest() const { return width(image_.stages); }

  void append_blocks(Layers& layers, int64_t halvings) const {
    const int64_t inner = kExpansion * width(halvings);
    for (int64_t i = 0; i < network_.depth; ++i)
      layers.push_back({config::Residual{
          .layers = {r3gan_convolution(inner, gain_, 1, 1, /*bias=*/true),
                     activation_layer("leaky_relu", kSlope),
                     r3gan_convolution(inner, gain_, 3, inner / network_.group_size,
                                       /*bias=*/true),
                     activation_layer("leaky_relu", kSlope),
                     r3gan_convolution(width(halvings), /*gain=*/0)},
          .shortcut = {}}});
  }

  // To so many channels, where they are others.
  void append_change(Layers& layers, int64_t from, int64_t to) const {
    if (width(from) != width(to)) layers.push_back(r3gan_convolution(width(to), 1));
  }

 private:
  const config::Network& network_;
  const Pyramid& image_;
  double gain_;
};

Layers r3gan_to_image(const Request& request) {
  const Pyramid image = pyramid(kR3ganName, request.output);
  const Stages stages(request.network, image);
  need_code(kR3ganName, request);
  Layers layers;
  if (request.conditioning != "none")
    layers.push_back({config::ClassConcatenation{.dimension = request.input[0], .gain = 1}});
  const int64_t width = stages.smallest();
  layers.push_back({config::Linear{.units = width, .bias = false, .gain = 1}});
  layers.push_back({config::Reshape{{width, 1, 1}}});
  layers.push_back({config::TransposedConvolution{.channels = width,
                                                  .kernel = image.smallest,
                                                  .stride = image.smallest,
                                                  .padding = 0,
                                                  .bias = false,
                                                  .groups = width,
                                                  .gain = 1}});
  stages.append_blocks(layers, image.stages);
  for (int64_t halvings = image.stages - 1; halvings >= 0; --halvings) {
    stages.append_change(layers, halvings + 1, halvings);
    layers.push_back({config::Upsample{.mode = "filtered"}});
    stages.append_blocks(layers, halvings);
  }
  layers.push_back(r3gan_convolution(request.output[0], 1));
  append_output(layers, request);
  return layers;
}

// After the last features, which are flat.
void append_r3gan_head(Layers& layers, const Request& request, int64_t width) {
  if (request.network.minibatch_features > 0)
    layers.push_back(
        {config::MinibatchDiscrimination{.features = request.network.minibatch_features}});
  const bool projected =
      request.role == Role::kDiscriminator && request.conditioning == "projection";
  layers.push_back({config::Linear{
      .units = projected ? width : elements(request.output), .bias = false, .gain = 1}});
  if (projected)
    layers.push_back({config::ClassProjection{.linear = false,
                                              .gain = 1 / std::sqrt(static_cast<double>(width))}});
  append_output(layers, request);
  if (request.output.size() != 1) layers.push_back({config::Reshape{request.output}});
}

Layers r3gan_from_image(const Request& request) {
  const Pyramid image = pyramid(kR3ganName, request.input);
  const Stages stages(request.network, image);
  Layers layers;
  append_labels(layers, request);
  layers.push_back(r3gan_convolution(stages.width(0), 1));
  stages.append_blocks(layers, 0);
  for (int64_t halvings = 1; halvings <= image.stages; ++halvings) {
    layers.push_back({config::Downsample{.mode = "filtered"}});
    stages.append_change(layers, halvings - 1, halvings);
    stages.append_blocks(layers, halvings);
  }
  append_stddev(layers, request);
  const int64_t channels = stages.smallest() + (request.network.minibatch_stddev > 0 ? 1 : 0);
  layers.push_back(r3gan_convolution(channels, 1, image.smallest, channels));
  // The whole image, not the same size again.
  std::get<config::Convolution>(layers.back().kind).padding = 0;
  layers.push_back({config::Flatten{}});
  append_r3gan_head(layers, request, stages.smallest());
  return layers;
}

Layers build_r3gan(const Request& request) {
  return request.makes_sample() ? r3gan_to_image(request) : r3gan_from_image(request);
}

}  // namespace

extern const Architecture kR3gan{.name = "r3gan", .build = build_r3gan, .fields = kR3ganFields};

}  // namespace allmodes::networks
