#pragma once

// Pieces that architectures are put together from.

#include <functional>
#include <string>
#include <vector>

#include "networks/registry.h"

namespace allmodes::networks {

using Layers = std::vector<config::Layer>;

// The fields of config::Network that convolutional architectures read: those whose normalization is
// the user's choice, and those that have none.
inline constexpr std::string_view kNormedFields[] = {
    "width",         "norm",    "output_activation", "initialization",
    "spectral_norm", "dropout", "minibatch_stddev",  "minibatch_features"};
inline constexpr std::string_view kNormFreeFields[] = {
    "width", "output_activation", "initialization", "minibatch_stddev", "minibatch_features"};

// The activation by name; of leaky_relu the slope.
config::Layer activation_layer(const std::string& function, double slope = 0.2);

// A normalization by its name in config::Network, where it is not "none". "group": as near to 8
// groups as divide the channels.
void append_norm(Layers& layers, const std::string& norm, int64_t channels);

// The normalization takes the mean of a channel away, and with it the bias of the layer before.
bool makes_bias_idle(const std::string& norm);

// The activation, and the network's dropout where it has any.
void append_activation(Layers& layers, const config::Network& network,
                       const config::Layer& activation);

// At the input: the embedding of the label, where it is concatenated.
void append_labels(Layers& layers, const Request& request);

// A discriminator's minibatch standard deviation, where it has one.
void append_stddev(Layers& layers, const Request& request);

// After the last features, which must be flat: a discriminator's minibatch discrimination, the last
// linear layer or the class projection instead of it (which has no spectral norm), the output
// activation and the output's shape.
void append_head(Layers& layers, const Request& request);

// The output activation, where it is not "none".
void append_output(Layers& layers, const Request& request);

// A square image that is halved until it has 4 to 7 pixels a side: 28 = 7 * 4, 32 = 4 * 8.
struct Pyramid {
  int64_t smallest = 0;  // pixels a side
  int64_t stages = 0;    // halvings, at least 1
};

// Throws ShapeError for other images, with the nearest sizes that fit.
Pyramid pyramid(const std::string& architecture, const Shape& image);

// "96 and 112": the largest side up to `side` and the smallest above it that `fits`.
std::string nearest_sides(int64_t side, const std::function<bool(int64_t)>& fits);

// The side of a square image. Throws ShapeError for another shape or fewer than `least` pixels.
int64_t side_of(const std::string& architecture, const Shape& image, int64_t least);

// [side, half, quarter, ...], rounded up: the sides that convolutions of stride 2 with "same"
// padding leave.
std::vector<int64_t> halvings(int64_t side, int64_t times);

// The transposed convolution of stride 2 and an odd kernel that undoes one: from `from` pixels a
// side to `to` = 2 from or 2 from - 1.
config::TransposedConvolution enlarge(int64_t channels, int64_t kernel, int64_t from, int64_t to);

// `width`, doubled so many times, is a number of channels. Throws ShapeError.
void check_width(int64_t width, int64_t doublings);

// The network takes a flat code. Throws ShapeError.
void need_code(const std::string& architecture, const Request& request);

}  // namespace allmodes::networks
