// Planning layers that see the label of a sample, or other samples.

#include "networks/planner.h"

namespace allmodes::networks {
namespace {

Shape with_more_channels(const Shape& shape, int64_t more) {
  Shape output = shape;
  output[0] += more;
  return output;
}

}  // namespace

Shape plan_layer(Planner& planner, const config::ClassConcatenation& layer, const Shape& shape) {
  planner.at_least("dimension", layer.dimension, 1);
  planner.need_flat_or_image("class_concatenation", shape);
  planner.need_classes("class_concatenation");
  // A lookup sums over one input: U(-1, 1), of the size of the features that it stands beside.
  if (layer.gain >= 0)
    planner.add_scaled("embedding", {planner.classes(), layer.dimension}, layer.gain,
                       planner.classes());
  else
    planner.add("embedding", {planner.classes(), layer.dimension}, Init::kFanIn, 1);
  return with_more_channels(shape, layer.dimension);
}

Shape plan_layer(Planner& planner, const config::ClassProjection& layer, const Shape& shape) {
  planner.need_flat("class_projection", shape);
  planner.need_classes("class_projection");
  if (layer.linear) planner.add_weight_and_bias({1, shape[0]}, 1, shape[0], /*bias=*/true);
  if (layer.gain >= 0)
    planner.add_scaled("embedding", {planner.classes(), shape[0]}, layer.gain, planner.classes());
  else
    planner.add_weight("embedding", {planner.classes(), shape[0]}, shape[0]);
  if (layer.spectral_norm && layer.linear) planner.add_singular_vector("u", 1);
  if (layer.spectral_norm) planner.add_singular_vector("embedding_u", planner.classes());
  return {1};
}

Shape plan_layer(Planner& planner, const config::MinibatchStddev& layer, const Shape& shape) {
  planner.at_least("group", layer.group, 2);
  planner.need_flat_or_image("minibatch_stddev", shape);
  return with_more_channels(shape, 1);
}

Shape plan_layer(Planner& planner, const config::MinibatchDiscrimination& layer,
                 const Shape& shape) {
  planner.at_least("features", layer.features, 1);
  planner.at_least("dimension", layer.dimension, 1);
  if (layer.statistics != "local" && layer.statistics != "global")
    planner.refuse("statistics '{}' is unknown; it is local or global", layer.statistics);
  planner.need_flat("minibatch_discrimination", shape);
  planner.check_size("comparison", {layer.features, layer.dimension});
  planner.add_weight("weight", {layer.features * layer.dimension, shape[0]}, shape[0]);
  return with_more_channels(shape, layer.features);
}

}  // namespace allmodes::networks
