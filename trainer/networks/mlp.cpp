#include <fmt/format.h>

#include "networks/pieces.h"

// Multilayer perceptron, for points and images alike: `depth` hidden layers of `width` units, each
// linear, normalization, activation, or one maxout layer (Goodfellow et al., "Maxout networks",
// 2013). This is the setting of Lin et al., "PacGAN", 2018: a generator of 4 x 400 without bias
// with batch norm and ReLU, a discriminator of 3 x maxout 200 of 5 pieces.

namespace allmodes::networks {
namespace {

constexpr std::string_view kMlpFields[] = {
    "width",         "depth",         "activation",        "norm",
    "bias",          "maxout_pieces", "output_activation", "initialization",
    "spectral_norm", "dropout",       "minibatch_stddev",  "minibatch_features"};

Layers build_mlp(const Request& request) {
  const config::Network& network = request.network;
  if (network.depth < 1 || network.depth > 1000)
    throw ShapeError("", fmt::format("depth is {}, it must be in [1, 1000]", network.depth));
  if (network.maxout_pieces != 0 && network.maxout_pieces < 2)
    throw ShapeError("", fmt::format("maxout_pieces is {}, it must be 0 (off) or at least 2",
                                     network.maxout_pieces));
  if (network.maxout_pieces > 0 && network.spectral_norm)
    throw ShapeError("", "spectral_norm does not reach maxout layers; set maxout_pieces to 0");
  if (network.norm == "instance")
    throw ShapeError("", "norm 'instance' is over pixels, which mlp does not see; use 'layer'");
  Layers layers;
  if (request.input.size() != 1) layers.push_back({config::Flatten{}});
  append_labels(layers, request);
  for (int64_t i = 0; i < network.depth; ++i) {
    if (network.maxout_pieces > 0) {
      layers.push_back({config::Maxout{
          .units = network.width, .pieces = network.maxout_pieces, .bias = network.bias}});
      append_norm(layers, network.norm, network.width);
      if (network.dropout > 0) layers.push_back({config::Dropout{.rate = network.dropout}});
    } else {
      layers.push_back({config::Linear{
          .units = network.width, .bias = network.bias, .spectral_norm = network.spectral_norm}});
      append_norm(layers, network.norm, network.width);
      append_activation(layers, network, activation_layer(network.activation));
    }
  }
  append_stddev(layers, request);
  append_head(layers, request);
  return layers;
}

}  // namespace

extern const Architecture kMlp{.name = "mlp", .build = build_mlp, .fields = kMlpFields};

}  // namespace allmodes::networks
