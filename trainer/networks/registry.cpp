#include "networks/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace allmodes::networks {
namespace {

struct Architecture {
  std::string_view name;
  std::vector<config::Layer> (*build)(const Request&);
  std::span<const std::string_view> fields;
};

constexpr std::string_view kMlpFields[] = {
    "width", "depth",         "activation",        "norm",
    "bias",  "maxout_pieces", "output_activation", "initialization"};
constexpr std::string_view kDcganFields[] = {"width", "norm", "output_activation",
                                             "initialization"};

// A new architecture: its builder in a file of its own, and a line here.
constexpr Architecture kArchitectures[] = {
    {"mlp", build_mlp, kMlpFields},
    {"dcgan", build_dcgan, kDcganFields},
};

const Architecture* find(std::string_view name) {
  const auto* found = std::ranges::find(kArchitectures, name, &Architecture::name);
  return found == std::end(kArchitectures) ? nullptr : found;
}

}  // namespace

std::vector<config::Layer> build(const Request& request) {
  const config::Network& network = request.network;
  if (!network.layers.empty()) return network.layers;
  const Architecture* architecture = find(network.architecture);
  if (architecture == nullptr)
    throw ShapeError("", fmt::format("architecture '{}' is unknown; it is one of {}",
                                     network.architecture, fmt::join(architecture_names(), ", ")));
  if (network.width < 1)
    throw ShapeError("", fmt::format("width is {}, it must be at least 1", network.width));
  Request own = request;
  if (!network.output_activation.empty()) own.output_activation = network.output_activation;
  return architecture->build(own);
}

std::vector<std::string_view> architecture_names() {
  std::vector<std::string_view> names;
  for (const Architecture& architecture : kArchitectures) names.push_back(architecture.name);
  return names;
}

std::span<const std::string_view> architecture_fields(std::string_view architecture) {
  const Architecture* found = find(architecture);
  return found == nullptr ? std::span<const std::string_view>{} : found->fields;
}

config::Layer activation_layer(const std::string& function) {
  return {config::Activation{.function = function, .slope = 0.2}};
}

void append_norm(std::vector<config::Layer>& layers, const std::string& norm) {
  if (norm == "none") return;
  if (norm != "batch" && norm != "sync_batch")
    throw ShapeError(
        "", fmt::format("norm '{}' is unknown; it is one of none, batch, sync_batch", norm));
  layers.push_back({config::BatchNorm{.statistics = norm == "batch" ? "local" : "global"}});
}

void append_output(std::vector<config::Layer>& layers, const Request& request) {
  if (request.output_activation != "none")
    layers.push_back(activation_layer(request.output_activation));
}

}  // namespace allmodes::networks
