#include "networks/pieces.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace allmodes::networks {

config::Layer activation_layer(const std::string& function, double slope) {
  return {config::Activation{.function = function, .slope = slope}};
}

void append_norm(Layers& layers, const std::string& norm, int64_t channels) {
  if (norm == "none") return;
  if (norm == "batch" || norm == "sync_batch")
    layers.push_back({config::BatchNorm{.statistics = norm == "batch" ? "local" : "global"}});
  else if (norm == "layer")
    layers.push_back({config::LayerNorm{}});
  else if (norm == "instance")
    layers.push_back({config::InstanceNorm{}});
  else if (norm == "group")
    layers.push_back({config::GroupNorm{.groups = std::gcd(int64_t{8}, channels)}});
  else
    throw ShapeError("", fmt::format("norm '{}' is unknown; it is one of none, batch, sync_batch, "
                                     "layer, instance, group",
                                     norm));
}

bool makes_bias_idle(const std::string& norm) {
  return norm == "batch" || norm == "sync_batch" || norm == "instance";
}

void append_activation(Layers& layers, const config::Network& network,
                       const config::Layer& activation) {
  layers.push_back(activation);
  if (network.dropout > 0) layers.push_back({config::Dropout{.rate = network.dropout}});
}

void append_labels(Layers& layers, const Request& request) {
  const bool projected =
      request.role == Role::kDiscriminator && request.conditioning == "projection";
  if (request.conditioning != "none" && !projected)
    layers.push_back({config::ClassConcatenation{}});
}

void append_stddev(Layers& layers, const Request& request) {
  const int64_t group = request.network.minibatch_stddev;
  if (group > 0) layers.push_back({config::MinibatchStddev{.group = group}});
}

void append_head(Layers& layers, const Request& request) {
  const config::Network& network = request.network;
  if (network.minibatch_features > 0)
    layers.push_back({config::MinibatchDiscrimination{.features = network.minibatch_features}});
  if (request.role == Role::kDiscriminator && request.conditioning == "projection")
    layers.push_back({config::ClassProjection{.spectral_norm = network.spectral_norm}});
  else
    layers.push_back({config::Linear{.units = elements(request.output),
                                     .spectral_norm = network.spectral_norm}});
  append_output(layers, request);
  if (request.output.size() != 1) layers.push_back({config::Reshape{request.output}});
}

void append_output(Layers& layers, const Request& request) {
  if (request.output_activation != "none")
    layers.push_back(activation_layer(request.output_activation));
}

int64_t side_of(const std::string& architecture, const Shape& image, int64_t least) {
  if (image.size() != 3 || image[1] != image[2])
    throw ShapeError("", fmt::format("{} needs images of channels x size x size, not {}",
                                     architecture, to_string(image)));
  if (image[1] < least)
    throw ShapeError("", fmt::format("{} needs images of at least {} pixels a side, not {}; set "
                                     "data.image_size",
                                     architecture, least, image[1]));
  return image[1];
}

config::TransposedConvolution enlarge(int64_t channels, int64_t kernel, int64_t from, int64_t to) {
  return {.channels = channels,
          .kernel = kernel,
          .stride = 2,
          .padding = (kernel - 1) / 2,
          .output_padding = to - (2 * from - 1)};
}

std::vector<int64_t> halvings(int64_t side, int64_t times) {
  std::vector<int64_t> sides{side};
  for (int64_t i = 0; i < times; ++i) sides.push_back((sides.back() + 1) / 2);
  return sides;
}

namespace {

// The image halved until it has 4 to 7 pixels a side; nothing where that is not how it comes out.
std::optional<Pyramid> halved(int64_t side) {
  Pyramid result{.smallest = side};
  for (; result.smallest % 2 == 0 && result.smallest >= 8; ++result.stages) result.smallest /= 2;
  if (result.smallest < 4 || result.smallest > 7 || result.stages < 1) return std::nullopt;
  return result;
}

}  // namespace

Pyramid pyramid(const std::string& architecture, const Shape& image) {
  const int64_t side = side_of(architecture, image, 1);
  const auto result = halved(side);
  if (!result)
    throw ShapeError(
        "", fmt::format("{} makes images of 4, 5, 6 or 7 times a power of two pixels a side (28, "
                        "32, 64, ...), not {}; set data.image_size, the nearest that fit: {}",
                        architecture, side, nearest_sides(side, [](int64_t other) {
                          return halved(other).has_value();
                        })));
  return *result;
}

std::string nearest_sides(int64_t side, const std::function<bool(int64_t)>& fits) {
  constexpr int64_t kLargest = 1 << 15;
  std::vector<int64_t> found;
  for (int64_t below = std::min(side, kLargest); below > 0 && found.empty(); --below)
    if (fits(below)) found.push_back(below);
  const size_t smaller = found.size();
  for (int64_t above = side + 1; above <= kLargest && found.size() == smaller; ++above)
    if (fits(above)) found.push_back(above);
  return fmt::format("{}", fmt::join(found, " and "));
}

void check_width(int64_t width, int64_t doublings) {
  constexpr int64_t kWidest = 1 << 20;
  if (width > kWidest >> doublings)
    throw ShapeError("", fmt::format("width {} grows to more than {} channels", width, kWidest));
}

void need_code(const std::string& architecture, const Request& request) {
  if (request.input.size() != 1)
    throw ShapeError("", fmt::format("{} makes an image from a flat code, not from {}",
                                     architecture, to_string(request.input)));
}

}  // namespace allmodes::networks
