#include "objectives/objective.h"

#include <ATen/TensorOperators.h>

#include "base/error.h"
#include "config/load.h"
#include "networks/registry.h"

namespace allmodes::objectives {

NoiseInput latent_noise(const std::string& name, const config::Latent& latent) {
  return {.name = name, .shape = {latent.dimension}, .prior = latent};
}

NoiseInput number_of_step(const std::string& name, std::function<double(uint64_t step)> number) {
  return {.name = name, .shape = {}, .shared = true, .of_step = std::move(number)};
}

at::Tensor LossTerm::weighted(int64_t parts) const {
  const double share = weight / static_cast<double>(parts);
  const at::Tensor scaled = share == 1.0 ? value : value * share;
  return factor.defined() ? scaled * factor : scaled;
}

at::Tensor PhaseInput::number(std::string_view name) const {
  return noise(name).select(0, 0);
}

const at::Tensor& PhaseInput::noise(std::string_view name) const {
  for (const auto& [known, tensor] : noises)
    if (known == name) return tensor;
  ALLMODES_FAIL(ExitCode::kSoftware, "the phase lists no noise '{}'", name);
}

Objective::Posterior Objective::encode(const Forward&, const at::Tensor&, const at::Tensor&) const {
  ALLMODES_FAIL(ExitCode::kSoftware, "this family has no encoder");
}

at::Tensor Objective::codes_of(const Forward&, const at::Tensor&) const {
  ALLMODES_FAIL(ExitCode::kSoftware, "this family has no codebook");
}

at::Tensor Objective::code_ages(const Forward&) const {
  return {};
}

at::Tensor Objective::scores_of(const Forward&, const at::Tensor&) const {
  return {};
}

at::Tensor Objective::perceptual_distances(const at::Tensor&, const at::Tensor&) const {
  return {};
}

networks::Shape network_shape(const data::SampleShape& shape) {
  if (shape.image) return {shape.channels, shape.height, shape.width};
  return {shape.values()};
}

DataFacts facts_of(const data::Dataset& dataset) {
  return {dataset.shape(), dataset.classes(), dataset.mixture(), dataset.size()};
}

std::optional<networks::Plan> plan_network(const config::Network& network,
                                           const NetworkRequest& request,
                                           std::vector<ConfigurationError>& errors) {
  const std::string& path = request.path;
  try {
    auto plan = networks::plan(networks::build({.network = network,
                                                .input = request.input,
                                                .output = request.output,
                                                .role = request.role,
                                                .output_activation = request.output_activation,
                                                .conditioning = request.conditioning}),
                               request.input, network.initialization, request.classes);
    if (plan.output == request.output || (request.any_width && plan.output.size() == 1))
      return plan;
    errors.push_back({path,
                      fmt::format("the network makes [{}] where [{}] is needed",
                                  fmt::join(plan.output, ", "), fmt::join(request.output, ", ")),
                      true});
  } catch (const networks::ShapeError& error) {
    errors.push_back(
        {network.layers.empty() ? path : path + "." + error.path(), error.message(), true});
  } catch (const Error& error) {
    errors.push_back({path, error.what(), true});
  }
  return std::nullopt;
}

}  // namespace allmodes::objectives
