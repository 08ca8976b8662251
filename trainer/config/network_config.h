#pragma once

// The settings of networks: a list of layers, or what named architectures are built from.

#include <cstdint>
#include <string>
#include <vector>

#include "config/layer_config.h"
#include "config/rules.h"

namespace allmodes::config {

// A named architecture, which declares the fields that it reads (networks/registry.h), or an own
// list of layers.
struct Network {
  std::string architecture = "mlp";
  int64_t width = 128;
  int64_t depth = 3;
  std::string activation = "relu";
  std::string norm = "none";
  int64_t maxout_pieces = 0;
  bool bias = true;
  std::string output_activation = "";
  std::string initialization = "kaiming_uniform";
  bool spectral_norm = false;
  double dropout = 0.0;
  int64_t minibatch_stddev = 0;
  int64_t minibatch_features = 0;
  int64_t widest = 0;
  int64_t group_size = 16;
  std::vector<Layer> layers = {};
};

template <class V, Is<Network> T>
void describe(V& v, T& c) {
  v.field("architecture", c.architecture, Registered{"architecture"},
          "A named list of layers, made to fit input and output.");
  v.field("width", c.width, kSize,
          "mlp: units a hidden layer; dcgan and others: channels of the layer with the largest "
          "image.");
  v.field(
      "depth", c.depth, Range{.low = 1, .high = 1024},
      "mlp: hidden layers; residual_autoencoder, r3gan: blocks a resolution; patch: convolutions "
      "of stride 2.");
  v.field("activation", c.activation, OneOf{"activation", kActivations}, "Of hidden layers.");
  v.field("norm", c.norm, OneOf{"norm", kNorms}, "Of hidden layers.");
  v.field("maxout_pieces", c.maxout_pieces, Range{.low = 2, .high = kMostSize, .or_zero = true},
          "mlp: maxout of so many pieces instead of linear layers and activations; 0: off.");
  v.field("bias", c.bias, Anything{}, "Of hidden linear layers.");
  v.field("output_activation", c.output_activation, OneOf{"activation", kOutputActivations},
          "\"\": what the family needs.");
  v.field("initialization", c.initialization, OneOf{"initialization", kInitializations},
          "Of the weights: U(-b, b) with b = 1 / sqrt(inputs of a unit), or N(0, 0.02^2).");
  v.field("spectral_norm", c.spectral_norm, Anything{},
          "Every weight is divided by its largest singular value.");
  v.field("dropout", c.dropout, kDecayRate, "Share of values set to 0 after hidden activations.");
  v.field("minibatch_stddev", c.minibatch_stddev,
          Range{.low = 2, .high = kMostSize, .or_zero = true},
          "Discriminators: samples a group of a minibatch_stddev layer; 0: off.");
  v.field("minibatch_features", c.minibatch_features, kSizeOrZero,
          "Discriminators: features of a minibatch_discrimination layer; 0: off.");
  v.field(
      "widest", c.widest, kSizeOrZero,
      "r3gan: width doubles with each halving of the image up to so many channels; 0: it stays.");
  v.field("group_size", c.group_size, kSize,
          "r3gan: channels a group of the 3x3 convolutions; divides twice the width.");
  v.messages("layers", c.layers, "Where there are any, they are used instead of `architecture`.");
}

}  // namespace allmodes::config
