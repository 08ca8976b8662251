// A network: a multilayer perceptron whose layers are half as wide at each step to the middle.

#include <algorithm>

#include "networks/pieces.h"

namespace allmodes::networks {
namespace {

constexpr std::string_view kBottleneckFields[] = {"width", "depth", "activation",
                                                  "output_activation", "initialization"};

Layers build_bottleneck(const Request& request) {
  const config::Network& network = request.network;
  Layers layers;
  if (request.input.size() != 1) layers.push_back({config::Flatten{}});
  append_labels(layers, request);
  for (int64_t i = 0; i < network.depth; ++i) {
    const int64_t to_an_end = std::min(i, network.depth - 1 - i);
    layers.push_back({config::Linear{.units = std::max<int64_t>(1, network.width >> to_an_end)}});
    append_activation(layers, network, activation_layer(network.activation));
  }
  append_head(layers, request);
  return layers;
}

}  // namespace

extern const Architecture kBottleneck{
    .name = "bottleneck", .build = build_bottleneck, .fields = kBottleneckFields};

}  // namespace allmodes::networks
