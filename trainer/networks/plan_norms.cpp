// Planning normalizations.

#include "networks/planner.h"

namespace allmodes::networks {
namespace {

// A normalization over a single value would make it zero.
void need_several(const Planner& planner, const char* kind, int64_t values) {
  if (values < 2) planner.refuse("{} would normalize each value by itself, to zero", kind);
}

}  // namespace

Shape plan_layer(Planner& planner, const config::BatchNorm& layer, const Shape& shape) {
  if (layer.statistics != "local" && layer.statistics != "global")
    planner.refuse("statistics '{}' is unknown; it is local or global", layer.statistics);
  if (!(layer.momentum > 0 && layer.momentum <= 1))
    planner.refuse("momentum is {}, it must be in (0, 1]", layer.momentum);
  planner.check_epsilon(layer.epsilon);
  planner.need_flat_or_image("batch_norm", shape);
  planner.add_scale_and_shift(shape[0]);
  planner.add_running("running_mean", {shape[0]}, 0, layer.momentum);
  planner.add_running("running_var", {shape[0]}, 1, layer.momentum);
  return shape;
}

Shape plan_layer(Planner& planner, const config::LayerNorm& layer, const Shape& shape) {
  planner.check_epsilon(layer.epsilon);
  planner.need_flat_or_image("layer_norm", shape);
  need_several(planner, "layer_norm", elements(shape));
  planner.add_scale_and_shift(shape[0]);
  return shape;
}

Shape plan_layer(Planner& planner, const config::InstanceNorm& layer, const Shape& shape) {
  planner.check_epsilon(layer.epsilon);
  planner.need_image("instance_norm", shape);
  need_several(planner, "instance_norm", shape[1] * shape[2]);
  planner.add_scale_and_shift(shape[0]);
  return shape;
}

Shape plan_layer(Planner& planner, const config::GroupNorm& layer, const Shape& shape) {
  planner.at_least("groups", layer.groups, 1);
  planner.check_epsilon(layer.epsilon);
  planner.need_flat_or_image("group_norm", shape);
  if (shape[0] % layer.groups != 0)
    planner.refuse("groups is {}, it must divide the channels, {}", layer.groups, shape[0]);
  need_several(planner, "group_norm", elements(shape) / layer.groups);
  planner.add_scale_and_shift(shape[0]);
  return shape;
}

}  // namespace allmodes::networks
