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
    "width",         "depth",         "activation",        "norm",
    "bias",          "maxout_pieces", "output_activation", "initialization",
    "spectral_norm", "dropout",       "minibatch_stddev",  "minibatch_features"};
// Of the convolutional pairs: what is not fixed by the publication.
constexpr std::string_view kNormedFields[] = {
    "width",         "norm",    "output_activation", "initialization",
    "spectral_norm", "dropout", "minibatch_stddev",  "minibatch_features"};
constexpr std::string_view kNormFreeFields[] = {"width", "output_activation", "initialization",
                                                "minibatch_stddev", "minibatch_features"};

// A new architecture: its builder in a file of its own, and a line here.
constexpr Architecture kArchitectures[] = {
    {"mlp", build_mlp, kMlpFields},
    {"dcgan", build_dcgan, kNormedFields},
    {"dcgan_veegan", build_dcgan_veegan, kNormedFields},
    {"dcgan_unrolled", build_dcgan_unrolled, kNormedFields},
    {"sn_resnet", build_sn_resnet, kNormFreeFields},
    {"r3gan", build_r3gan, kNormFreeFields},
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
  if (request.role != Role::kDiscriminator &&
      (network.minibatch_stddev > 0 || network.minibatch_features > 0))
    throw ShapeError(
        "",
        "minibatch_stddev and minibatch_features compare the samples of a batch, which "
        "is for discriminators; leave them out");
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

}  // namespace allmodes::networks
