#pragma once

// Layers that others add: what `custom { layer: NAME }` in a list of layers stands for.

#include <span>
#include <string_view>

#include "config/layer_config.h"
#include "networks/plan.h"

namespace at {
class Tensor;
}

namespace allmodes::networks {

class Planner;
class Runner;

// A layer is a row `extern const LayerKind kNAME{...}` in a file of its own; the build finds the rows
// (docs/extending.md). Its output for a sample depends on that sample and on the parameters alone: it draws
// nothing and sees no other sample. Twice differentiable where it stands in a discriminator with a penalty.
struct LayerKind {
  std::string_view name;
  // As plan_layer() of planner.h: checks `layer.values` and the shape of the input, declares parameters, returns
  // the shape of the output.
  Shape (*plan)(Planner& planner, const config::Custom& layer, const Shape& shape);
  // As apply() of runner.h, made of differentiable operations.
  at::Tensor (*apply)(Runner& runner, const config::Custom& layer, const LayerPlan& plan, const at::Tensor& x);
};

// All rows, by cmake/Rooms.cmake; allmodes itself has none.
std::span<const LayerKind* const> layer_kinds();

// Null where no layer has that name.
const LayerKind* find_layer_kind(std::string_view name);

}  // namespace allmodes::networks
