#include "networks/plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "networks/planner.h"

namespace allmodes::networks {
namespace {

// More elements than this in one tensor is a slip of the pen, not a network (2^33 floats: 32 GiB).
constexpr int64_t kMaximumElements = int64_t{1} << 33;

template <typename Predicate>
bool any_layer(const std::vector<LayerPlan>& layers, const Predicate& predicate) {
  return std::ranges::any_of(layers, [&](const LayerPlan& layer) {
    return predicate(layer.layer) || any_layer(layer.inner, predicate) ||
           any_layer(layer.shortcut, predicate);
  });
}

int64_t places(const Shape& shape) {
  return shape.size() == 3 ? shape[1] * shape[2] : 1;
}

int64_t multiply_adds_of(const Plan& plan, const std::vector<LayerPlan>& layers) {
  int64_t count = 0;
  for (const LayerPlan& layer : layers) {
    if (layer.inner.empty()) {
      count += parameters_in(plan, layer) * std::min(places(layer.input), places(layer.output));
    } else {
      count += multiply_adds_of(plan, layer.inner) + multiply_adds_of(plan, layer.shortcut);
    }
  }
  return count;
}

}  // namespace

std::vector<LayerPlan> Planner::run(const std::vector<config::Layer>& layers, Shape shape,
                                    const std::string& prefix, const std::string& path) {
  std::vector<LayerPlan> plans;
  for (size_t i = 0; i < layers.size(); ++i) {
    // The block's own plan is on the stack while its inner layers are planned.
    LayerPlan layer{.layer = layers[i],
                    .name = fmt::format("{}{}", prefix, i),
                    .input = shape,
                    .output = {},
                    .first_parameter = out_.parameters.size(),
                    .first_buffer = out_.buffers.size(),
                    .inner = {},
                    .shortcut = {}};
    path_ = fmt::format("{}[{}]", path, i);
    LayerPlan* const outer = std::exchange(current_, &layer);
    layer.output = std::visit([&](const auto& kind) { return plan_layer(*this, kind, shape); },
                              layers[i].kind);
    check_size("output", layer.output);
    current_ = outer;
    shape = layer.output;
    plans.push_back(std::move(layer));
  }
  return plans;
}

void Planner::at_least(const char* field, int64_t value, int64_t least) const {
  if (value < least) refuse("{} is {}, it must be at least {}", field, value, least);
}

void Planner::check_size(const char* what, const Shape& shape) const {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size > kMaximumElements / count)
      refuse("{} of {} has more than {} elements", what, to_string(shape), kMaximumElements);
    count *= size;
  }
}

void Planner::check_epsilon(double epsilon) const {
  if (!(epsilon > 0)) refuse("epsilon is {}, it must be positive", epsilon);
}

void Planner::need_flat(const char* kind, const Shape& shape) const {
  if (shape.size() != 1)
    refuse("{} needs a flat input, this one is {}; put a flatten layer before it", kind,
           to_string(shape));
}

void Planner::need_image(const char* kind, const Shape& shape) const {
  if (shape.size() != 3)
    refuse(
        "{} needs an input of channels x height x width, this one is {}; put a reshape layer "
        "before it",
        kind, to_string(shape));
}

void Planner::need_flat_or_image(const char* kind, const Shape& shape) const {
  if (shape.size() != 1 && shape.size() != 3)
    refuse("{} needs features or channels x height x width, this input is {}", kind,
           to_string(shape));
}

void Planner::need_classes(const char* kind) const {
  if (classes() < 1)
    refuse(
        "{} needs class labels, and this network is given none; use labelled data and a "
        "class-conditional family, or leave the layer out",
        kind);
}

void Planner::add(const char* name, Shape shape, Init init, int64_t fan_in) {
  check_size(name, shape);
  out_.parameters.push_back({current_->name + "." + name, std::move(shape), init, fan_in});
}

void Planner::add_weight(const char* name, Shape shape, int64_t fan_in) {
  add(name, std::move(shape), normal_002_ ? Init::kNormal : Init::kFanIn, fan_in);
}

void Planner::add_scaled(const char* name, Shape shape, double gain, int64_t inputs) {
  add(name, std::move(shape), Init::kDeviation, inputs);
  out_.parameters.back().deviation = gain / std::sqrt(static_cast<double>(inputs));
}

void Planner::add_weight_and_bias(Shape weight, int64_t units, int64_t fan_in, bool bias,
                                  double gain, int64_t inputs) {
  if (gain >= 0) {
    add_scaled("weight", std::move(weight), gain, inputs > 0 ? inputs : fan_in);
    if (bias) add("bias", {units}, Init::kZero, fan_in);
    return;
  }
  add_weight("weight", std::move(weight), fan_in);
  if (bias) add_bias("bias", units, fan_in);
}

void Planner::add_bias(const char* name, int64_t units, int64_t fan_in) {
  add(name, {units}, normal_002_ ? Init::kZero : Init::kFanIn, fan_in);
}

void Planner::add_scale_and_shift(int64_t channels) {
  add("weight", {channels}, normal_002_ ? Init::kNormalAtOne : Init::kOne, channels);
  add("bias", {channels}, Init::kZero, channels);
}

void Planner::add_running(const char* name, Shape shape, float value, double momentum) {
  out_.buffers.push_back({current_->name + "." + name, std::move(shape), value, momentum});
}

void Planner::add_singular_vector(const char* name, int64_t rows) {
  // Momentum 1: the newest vector replaces the last one.
  out_.buffers.push_back(
      {.name = current_->name + "." + name, .shape = {rows}, .momentum = 1.0, .direction = true});
}

std::string to_string(const Shape& shape) {
  return fmt::format("{}", fmt::join(shape, "x"));
}

int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

Plan plan(const std::vector<config::Layer>& layers, const Shape& input,
          const std::string& initialization, int64_t classes) {
  if (std::ranges::find(initialization_names(), initialization) == initialization_names().end())
    throw ShapeError("", fmt::format("initialization '{}' is unknown; it is one of {}",
                                     initialization, fmt::join(initialization_names(), ", ")));
  if (input.empty() || std::ranges::any_of(input, [](int64_t size) { return size < 1; }))
    throw ShapeError(
        "", fmt::format("the input shape '{}' is not one of positive sizes", to_string(input)));
  Plan result{.layers = {},
              .input = input,
              .output = input,
              .parameters = {},
              .buffers = {},
              .classes = classes};
  result.layers = Planner(result, initialization == "normal_002").run(layers, input, "", "layers");
  if (!result.layers.empty()) result.output = result.layers.back().output;
  return result;
}

bool is_of_a_layer(const BufferSpec& buffer) {
  return buffer.name.find('.') != std::string::npos;
}

bool Plan::couples_all_ranks() const {
  return any_layer(layers, [](const config::Layer& layer) {
    if (const auto* norm = std::get_if<config::BatchNorm>(&layer.kind))
      return norm->statistics == "global";
    const auto* likeness = std::get_if<config::MinibatchDiscrimination>(&layer.kind);
    return likeness != nullptr && likeness->statistics == "global";
  });
}

bool Plan::couples_samples() const {
  return any_layer(layers, [](const config::Layer& layer) {
    return std::holds_alternative<config::BatchNorm>(layer.kind) ||
           std::holds_alternative<config::MinibatchStddev>(layer.kind) ||
           std::holds_alternative<config::MinibatchDiscrimination>(layer.kind);
  });
}

bool Plan::takes_batches_together() const {
  return !couples_samples() && buffers.empty() &&
         !any_layer(layers, [](const config::Layer& layer) {
           return std::holds_alternative<config::Dropout>(layer.kind);
         });
}

int64_t Plan::parameter_count() const {
  int64_t count = 0;
  for (const ParameterSpec& parameter : parameters) count += elements(parameter.shape);
  return count;
}

int64_t parameters_in(const Plan& plan, const LayerPlan& layer) {
  int64_t count = 0;
  for (const ParameterSpec& parameter : plan.parameters)
    if (parameter.name.starts_with(layer.name + ".")) count += elements(parameter.shape);
  return count;
}

int64_t Plan::multiply_adds() const {
  return multiply_adds_of(*this, layers);
}

const std::vector<std::string_view>& activation_names() {
  static const std::vector<std::string_view> names{"relu", "leaky_relu", "tanh", "sigmoid",
                                                   "elu",  "softplus",   "silu"};
  return names;
}

const std::vector<std::string_view>& initialization_names() {
  static const std::vector<std::string_view> names{"kaiming_uniform", "normal_002"};
  return names;
}

}  // namespace allmodes::networks
