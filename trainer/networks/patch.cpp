#include <algorithm>

#include "networks/pieces.h"

// The patch discriminator of Isola et al., "Image-to-image translation with conditional adversarial
// networks", arXiv 1611.07004, appendix 6.1.2: convolutions of kernel 4, `depth` of them of stride
// 2, whose channels double up to 8 times `width`; one score for each of the last image's pixels.

namespace allmodes::networks {
namespace {

constexpr std::string_view kPatchFields[] = {
    "width", "depth", "norm", "output_activation", "initialization", "spectral_norm"};

Layers build_patch(const Request& request) {
  const config::Network& network = request.network;
  if (request.role != Role::kDiscriminator)
    throw ShapeError("", "patch is an architecture of discriminators");
  constexpr int64_t kMostDoublings = 3;
  check_width(network.width, kMostDoublings);
  Layers layers;
  append_labels(layers, request);
  for (int64_t stage = 0; stage <= network.depth; ++stage) {
    const std::string norm = stage > 0 ? network.norm : "none";
    const int64_t channels = network.width << std::min(stage, kMostDoublings);
    layers.push_back({config::Convolution{.channels = channels,
                                          .kernel = 4,
                                          .stride = stage < network.depth ? 2 : 1,
                                          .padding = 1,
                                          .bias = !makes_bias_idle(norm),
                                          .spectral_norm = network.spectral_norm}});
    append_norm(layers, norm, channels);
    layers.push_back(activation_layer("leaky_relu"));
  }
  layers.push_back({config::Convolution{
      .channels = 1, .kernel = 4, .padding = 1, .spectral_norm = network.spectral_norm}});
  layers.push_back({config::Flatten{}});
  append_output(layers, request);
  return layers;
}

}  // namespace

extern const Architecture kPatch{.name = "patch", .build = build_patch, .fields = kPatchFields};

}  // namespace allmodes::networks
