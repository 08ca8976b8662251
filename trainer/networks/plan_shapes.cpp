// Planning layers that have no parameters of their own.

#include <fmt/ranges.h>

#include <algorithm>

#include "networks/layer_kinds.h"
#include "networks/planner.h"

namespace allmodes::networks {

Shape plan_layer(Planner& planner, const std::monostate&, const Shape&) {
  planner.refuse("the layer is empty; write one of linear, convolution, activation, ... in it");
}

Shape plan_layer(Planner& planner, const config::Activation& layer, const Shape& shape) {
  if (std::ranges::find(activation_names(), layer.function) == activation_names().end())
    planner.refuse("activation '{}' is unknown; it is one of {}", layer.function,
                   fmt::join(activation_names(), ", "));
  if (!(layer.slope >= 0)) planner.refuse("slope is {}, it must not be negative", layer.slope);
  return shape;
}

Shape plan_layer(Planner& planner, const config::Reshape& layer, const Shape& shape) {
  if (layer.shape.empty()) planner.refuse("reshape has no shape");
  for (const int64_t size : layer.shape) planner.at_least("a size of the shape", size, 1);
  planner.check_size("shape", layer.shape);
  if (elements(layer.shape) != elements(shape))
    planner.refuse("reshape of {} ({} elements) to {} ({} elements)", to_string(shape),
                   elements(shape), to_string(layer.shape), elements(layer.shape));
  return layer.shape;
}

Shape plan_layer(Planner&, const config::Flatten&, const Shape& shape) {
  return {elements(shape)};
}

Shape plan_layer(Planner& planner, const config::Residual& layer, const Shape& shape) {
  if (layer.layers.empty()) planner.refuse("residual has no layers in it");
  const std::string path = planner.path();
  LayerPlan& block = planner.current();
  block.inner = planner.run(layer.layers, shape, block.name + ".", path + ".residual.layers");
  block.shortcut =
      planner.run(layer.shortcut, shape, block.name + ".shortcut.", path + ".residual.shortcut");
  planner.move_to(path);
  const Shape& output = block.inner.back().output;
  const Shape& beside = block.shortcut.empty() ? shape : block.shortcut.back().output;
  if (output == beside) return output;
  if (block.shortcut.empty())
    planner.refuse(
        "the layers of residual turn {} into {}; they must keep the shape, or a shortcut must make "
        "the same one",
        to_string(shape), to_string(output));
  planner.refuse("the layers of residual turn {} into {}, and its shortcut into {}",
                 to_string(shape), to_string(output), to_string(beside));
}

Shape plan_layer(Planner& planner, const config::Upsample& layer, const Shape& shape) {
  planner.at_least("factor", layer.factor, 2);
  if (std::ranges::find(config::kUpsampling, layer.mode) == config::kUpsampling.end())
    planner.refuse("mode '{}' is unknown; it is one of {}", layer.mode,
                   fmt::join(config::kUpsampling, ", "));
  planner.need_image("upsample", shape);
  constexpr int64_t kLargest = 1 << 16;
  if (layer.factor > kLargest) planner.refuse("factor must be at most {}", kLargest);
  return {shape[0], shape[1] * layer.factor, shape[2] * layer.factor};
}

Shape plan_layer(Planner& planner, const config::ZeroPad& layer, const Shape& shape) {
  planner.at_least("before", layer.before, 0);
  planner.at_least("after", layer.after, 0);
  planner.need_image("zero_pad", shape);
  constexpr int64_t kLargest = 1 << 16;
  if (std::max(layer.before, layer.after) > kLargest)
    planner.refuse("before and after must be at most {}", kLargest);
  const int64_t more = layer.before + layer.after;
  return {shape[0], shape[1] + more, shape[2] + more};
}

Shape plan_layer(Planner& planner, const config::Downsample& layer, const Shape& shape) {
  planner.at_least("factor", layer.factor, 2);
  if (std::ranges::find(config::kDownsampling, layer.mode) == config::kDownsampling.end())
    planner.refuse("mode '{}' is unknown; it is one of {}", layer.mode,
                   fmt::join(config::kDownsampling, ", "));
  planner.need_image("downsample", shape);
  if (shape[1] % layer.factor != 0 || shape[2] % layer.factor != 0)
    planner.refuse("factor is {}, it must divide height and width, {}x{}", layer.factor, shape[1],
                   shape[2]);
  return {shape[0], shape[1] / layer.factor, shape[2] / layer.factor};
}

Shape plan_layer(Planner& planner, const config::GlobalPool& layer, const Shape& shape) {
  if (layer.reduction != "mean" && layer.reduction != "sum")
    planner.refuse("reduction '{}' is unknown; it is mean or sum", layer.reduction);
  planner.need_image("global_pool", shape);
  return {shape[0]};
}

Shape plan_layer(Planner& planner, const config::Dropout& layer, const Shape& shape) {
  if (!(layer.rate >= 0 && layer.rate < 1))
    planner.refuse("rate is {}, it must be in [0, 1)", layer.rate);
  return shape;
}

const LayerKind* find_layer_kind(std::string_view name) {
  const auto rows = layer_kinds();
  const auto found =
      std::ranges::find_if(rows, [&](const LayerKind* row) { return row->name == name; });
  return found == rows.end() ? nullptr : *found;
}

Shape plan_layer(Planner& planner, const config::Custom& layer, const Shape& shape) {
  const LayerKind* const kind = find_layer_kind(layer.layer);
  if (kind == nullptr) {
    std::vector<std::string_view> names;
    for (const LayerKind* row : layer_kinds()) names.push_back(row->name);
    planner.refuse("there is no layer '{}': this program has {} layers of others{}{}", layer.layer,
                   names.empty() ? "no" : "these", names.empty() ? "" : ": ",
                   fmt::join(names, ", "));
  }
  return kind->plan(planner, layer, shape);
}

}  // namespace allmodes::networks
