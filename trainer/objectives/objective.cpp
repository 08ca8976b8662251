#include "objectives/objective.h"

#include "base/error.h"
#include "config/load.h"
#include "networks/registry.h"

namespace allmodes::objectives {

Objective::Posterior Objective::encode(const Forward&, const at::Tensor&) const {
  ALLMODES_FAIL(ExitCode::kSoftware, "this family has no encoder");
}

networks::Shape network_shape(const data::SampleShape& shape) {
  if (shape.image) return {shape.channels, shape.height, shape.width};
  return {shape.values()};
}

std::optional<networks::Plan> plan_network(const config::Network& network, const std::string& path,
                                           const networks::Shape& input,
                                           const networks::Shape& output, networks::Role role,
                                           const std::string& output_activation,
                                           std::vector<ConfigurationError>& errors) {
  try {
    auto plan = networks::plan(networks::build(network, input, output, role, output_activation),
                               input, network.initialization);
    if (plan.output == output) return plan;
    errors.push_back({path, fmt::format("the network makes [{}] where [{}] is needed",
                                        fmt::join(plan.output, ", "), fmt::join(output, ", ")),
                      true});
  } catch (const networks::ShapeError& error) {
    errors.push_back({network.layers.empty() ? path : path + "." + error.path(), error.message(), true});
  } catch (const Error& error) {
    errors.push_back({path, error.what(), true});
  }
  return std::nullopt;
}

}  // namespace allmodes::objectives
