// A layer: sines of the features, each with a frequency that is learnt (after Sitzmann et al., "Implicit neural
// representations with periodic activation functions", arXiv 2006.09661).

#include <ATen/core/Tensor.h>

#include "networks/layer_kinds.h"
#include "networks/planner.h"
#include "networks/runner.h"

namespace allmodes::networks {
namespace {

// values: one, the frequency at the start; default 1.
Shape plan_sine(Planner& planner, const config::Custom& layer, const Shape& shape) {
  planner.need_flat("sine", shape);
  if (layer.values.size() > 1) planner.refuse("sine takes one value, its first frequency");
  planner.add("frequency", {shape[0]}, Init::kOne, shape[0]);
  return shape;
}

at::Tensor apply_sine(Runner& runner, const config::Custom& layer, const LayerPlan& plan,
                      const at::Tensor& x) {
  const double first = layer.values.empty() ? 1.0 : layer.values[0];
  return x.mul(runner.parameter(plan)).mul(first).sin();
}

}  // namespace

extern const LayerKind kSine{.name = "sine", .plan = plan_sine, .apply = apply_sine};

}  // namespace allmodes::networks
