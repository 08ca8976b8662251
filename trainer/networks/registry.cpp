#include "networks/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace allmodes::networks {
namespace {

const Architecture* find(std::string_view name) {
  const auto rows = architectures();
  const auto found =
      std::ranges::find_if(rows, [&](const Architecture* row) { return row->name == name; });
  return found == rows.end() ? nullptr : *found;
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
  for (const Architecture* architecture : architectures()) names.push_back(architecture->name);
  std::ranges::sort(names);
  return names;
}

std::span<const std::string_view> architecture_fields(std::string_view architecture) {
  const Architecture* found = find(architecture);
  return found == nullptr ? std::span<const std::string_view>{} : found->fields;
}

}  // namespace allmodes::networks
