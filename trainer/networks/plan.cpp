#include "networks/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace allmodes::networks {
namespace {

// More elements than this in one tensor is a slip of the pen, not a network (2^33 floats: 32 GiB).
constexpr int64_t kMaximumElements = int64_t{1} << 33;

// Builds a plan layer by layer. One `plan_layer` for each kind: it checks the layer against
// `shape`, declares its parameters and returns its output shape; forward.cpp has its counterpart.
class Planner {
 public:
  Planner(Plan& out, bool normal_002) : out_(out), normal_002_(normal_002) {}

  std::vector<LayerPlan> run(const std::vector<config::Layer>& layers, Shape shape,
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
                      .inner = {}};
      path_ = fmt::format("{}layers[{}]", path, i);
      LayerPlan* const outer = std::exchange(current_, &layer);
      layer.output =
          std::visit([&](const auto& kind) { return plan_layer(kind, shape); }, layers[i].kind);
      check_size("output", layer.output);
      current_ = outer;
      shape = layer.output;
      plans.push_back(std::move(layer));
    }
    return plans;
  }

 private:
  template <typename... Arguments>
  [[noreturn]] void refuse(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    throw ShapeError(path_, fmt::format(text, std::forward<Arguments>(arguments)...));
  }

  void at_least(const char* field, int64_t value, int64_t least) const {
    if (value < least) refuse("{} is {}, it must be at least {}", field, value, least);
  }

  void check_size(const char* what, const Shape& shape) const {
    int64_t count = 1;
    for (const int64_t size : shape) {
      if (size > kMaximumElements / count)
        refuse("{} of {} has more than {} elements", what, to_string(shape), kMaximumElements);
      count *= size;
    }
  }

  void need_flat(const char* kind, const Shape& shape) const {
    if (shape.size() != 1)
      refuse("{} needs a flat input, this one is {}; put a flatten layer before it", kind,
             to_string(shape));
  }

  void need_image(const char* kind, const Shape& shape) const {
    if (shape.size() != 3)
      refuse(
          "{} needs an input of channels x height x width, this one is {}; put a reshape layer "
          "before it",
          kind, to_string(shape));
  }

  void add(const char* name, Shape shape, Init init, int64_t fan_in) {
    check_size(name, shape);
    out_.parameters.push_back({current_->name + "." + name, std::move(shape), init, fan_in});
  }

  void add_weight_and_bias(Shape weight, int64_t units, int64_t fan_in, bool bias) {
    add("weight", std::move(weight), normal_002_ ? Init::kNormal : Init::kFanIn, fan_in);
    if (bias) add("bias", {units}, normal_002_ ? Init::kZero : Init::kFanIn, fan_in);
  }

  Shape plan_layer(const std::monostate&, const Shape&) {
    refuse(
        "the layer is empty; write one of linear, convolution, transposed_convolution, "
        "batch_norm, activation, maxout, reshape, flatten, residual in it");
  }

  template <class Layer>
  Shape plan_layer(const Layer&, const Shape&) {
    refuse("this layer is not available");
  }

  Shape plan_layer(const config::Linear& layer, const Shape& shape) {
    at_least("units", layer.units, 1);
    need_flat("linear", shape);
    add_weight_and_bias({layer.units, shape[0]}, layer.units, shape[0], layer.bias);
    return {layer.units};
  }

  Shape plan_layer(const config::Convolution& layer, const Shape& shape) {
    check_window(layer.channels, layer.kernel, layer.stride, layer.padding);
    need_image("convolution", shape);
    Shape output{layer.channels};
    for (size_t axis = 1; axis < 3; ++axis) {
      const int64_t room = shape[axis] + 2 * layer.padding - layer.kernel;
      if (room < 0)
        refuse("convolution of kernel {} does not fit an input of {}x{} with padding {}",
               layer.kernel, shape[1], shape[2], layer.padding);
      output.push_back(room / layer.stride + 1);
    }
    add_weight_and_bias({layer.channels, shape[0], layer.kernel, layer.kernel}, layer.channels,
                        shape[0] * layer.kernel * layer.kernel, layer.bias);
    return output;
  }

  Shape plan_layer(const config::TransposedConvolution& layer, const Shape& shape) {
    check_window(layer.channels, layer.kernel, layer.stride, layer.padding);
    at_least("output_padding", layer.output_padding, 0);
    if (layer.output_padding >= layer.stride)
      refuse("output_padding is {}, it must be less than the stride, {}", layer.output_padding,
             layer.stride);
    need_image("transposed_convolution", shape);
    Shape output{layer.channels};
    for (size_t axis = 1; axis < 3; ++axis) {
      output.push_back((shape[axis] - 1) * layer.stride - 2 * layer.padding + layer.kernel +
                       layer.output_padding);
      if (output.back() < 1)
        refuse(
            "transposed_convolution of kernel {}, stride {}, padding {} leaves nothing of an "
            "input of {}x{}",
            layer.kernel, layer.stride, layer.padding, shape[1], shape[2]);
    }
    // torch.nn counts the second axis of the weight, which is the output's channels here.
    add_weight_and_bias({shape[0], layer.channels, layer.kernel, layer.kernel}, layer.channels,
                        layer.channels * layer.kernel * layer.kernel, layer.bias);
    return output;
  }

  Shape plan_layer(const config::BatchNorm& layer, const Shape& shape) {
    if (layer.statistics != "local" && layer.statistics != "global")
      refuse("statistics '{}' is unknown; it is local or global", layer.statistics);
    if (!(layer.momentum > 0 && layer.momentum <= 1))
      refuse("momentum is {}, it must be in (0, 1]", layer.momentum);
    if (!(layer.epsilon > 0)) refuse("epsilon is {}, it must be positive", layer.epsilon);
    if (shape.size() != 1 && shape.size() != 3)
      refuse("batch_norm needs features or channels x height x width, this input is {}",
             to_string(shape));
    add("weight", {shape[0]}, normal_002_ ? Init::kNormalAtOne : Init::kOne, shape[0]);
    add("bias", {shape[0]}, Init::kZero, shape[0]);
    const auto buffer = [&](const char* name, float value) {
      out_.buffers.push_back({current_->name + "." + name, {shape[0]}, value, layer.momentum});
    };
    buffer("running_mean", 0);
    buffer("running_var", 1);
    return shape;
  }

  Shape plan_layer(const config::Activation& layer, const Shape& shape) {
    if (std::ranges::find(activation_names(), layer.function) == activation_names().end())
      refuse("activation '{}' is unknown; it is one of {}", layer.function,
             fmt::join(activation_names(), ", "));
    if (!(layer.slope >= 0)) refuse("slope is {}, it must not be negative", layer.slope);
    return shape;
  }

  Shape plan_layer(const config::Maxout& layer, const Shape& shape) {
    at_least("units", layer.units, 1);
    at_least("pieces", layer.pieces, 2);
    need_flat("maxout", shape);
    check_size("output", {layer.pieces, layer.units});
    add_weight_and_bias({layer.pieces * layer.units, shape[0]}, layer.pieces * layer.units,
                        shape[0], layer.bias);
    return {layer.units};
  }

  Shape plan_layer(const config::Reshape& layer, const Shape& shape) {
    if (layer.shape.empty()) refuse("reshape has no shape");
    for (const int64_t size : layer.shape) at_least("a size of the shape", size, 1);
    check_size("shape", layer.shape);
    if (elements(layer.shape) != elements(shape))
      refuse("reshape of {} ({} elements) to {} ({} elements)", to_string(shape), elements(shape),
             to_string(layer.shape), elements(layer.shape));
    return layer.shape;
  }

  Shape plan_layer(const config::Flatten&, const Shape& shape) { return {elements(shape)}; }

  Shape plan_layer(const config::Residual& layer, const Shape& shape) {
    if (layer.layers.empty()) refuse("residual has no layers in it");
    const std::string path = path_;
    LayerPlan& block = *current_;
    block.inner = run(layer.layers, shape, block.name + ".", path + ".residual.");
    path_ = path;
    if (block.inner.back().output != shape)
      refuse("the layers of residual turn {} into {}; they must keep the shape", to_string(shape),
             to_string(block.inner.back().output));
    return shape;
  }

  void check_window(int64_t channels, int64_t kernel, int64_t stride, int64_t padding) const {
    at_least("channels", channels, 1);
    at_least("kernel", kernel, 1);
    at_least("stride", stride, 1);
    at_least("padding", padding, 0);
    // Keeps the arithmetic of the output's size far from overflow.
    constexpr int64_t kLargest = 1 << 16;
    if (std::max({kernel, stride, padding}) > kLargest)
      refuse("kernel, stride and padding must be at most {}", kLargest);
  }

  Plan& out_;
  bool normal_002_;
  LayerPlan* current_ = nullptr;
  std::string path_;
};

template <typename Predicate>
bool any_layer(const std::vector<LayerPlan>& layers, const Predicate& predicate) {
  return std::ranges::any_of(layers, [&](const LayerPlan& layer) {
    return predicate(layer.layer) || any_layer(layer.inner, predicate);
  });
}

struct Label {
  std::string operator()(const std::monostate&) { return "empty"; }
  std::string operator()(const config::Linear& l) { return fmt::format("linear {}", l.units); }
  std::string operator()(const config::Convolution& l) {
    return fmt::format("convolution {}x{} stride {}", l.kernel, l.kernel, l.stride);
  }
  std::string operator()(const config::TransposedConvolution& l) {
    return fmt::format("transposed_convolution {}x{} stride {}", l.kernel, l.kernel, l.stride);
  }
  std::string operator()(const config::BatchNorm& l) {
    return fmt::format("batch_norm {}", l.statistics);
  }
  std::string operator()(const config::Activation& l) { return l.function; }
  std::string operator()(const config::Maxout& l) {
    return fmt::format("maxout {} of {}", l.units, l.pieces);
  }
  std::string operator()(const config::Reshape&) { return "reshape"; }
  std::string operator()(const config::Flatten&) { return "flatten"; }
  std::string operator()(const config::Residual&) { return "residual"; }
  template <class Layer>
  std::string operator()(const Layer&) { return "layer"; }
};

std::string label(const config::Layer& layer) {
  return std::visit(Label{}, layer.kind);
}

void describe_layers(const Plan& plan, const std::vector<LayerPlan>& layers, int depth,
                     std::string& out) {
  for (const LayerPlan& layer : layers) {
    int64_t count = 0;
    for (const ParameterSpec& parameter : plan.parameters)
      if (parameter.name.starts_with(layer.name + ".")) count += elements(parameter.shape);
    out += fmt::format("{:8} {:40} {:>14} {:>12}\n", layer.name,
                       std::string(static_cast<size_t>(2 * depth), ' ') + label(layer.layer),
                       to_string(layer.output), count);
    describe_layers(plan, layer.inner, depth + 1, out);
  }
}

}  // namespace

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
  result.layers = Planner(result, initialization == "normal_002").run(layers, input, "", "");
  if (!result.layers.empty()) result.output = result.layers.back().output;
  return result;
}

bool Plan::couples_all_ranks() const {
  return any_layer(layers, [](const config::Layer& layer) {
    const auto* norm = std::get_if<config::BatchNorm>(&layer.kind);
    return norm != nullptr && norm->statistics == "global";
  });
}

bool Plan::couples_samples() const {
  return any_layer(layers, [](const config::Layer& layer) {
    return std::holds_alternative<config::BatchNorm>(layer.kind);
  });
}

int64_t Plan::parameter_count() const {
  int64_t count = 0;
  for (const ParameterSpec& parameter : parameters) count += elements(parameter.shape);
  return count;
}

std::string Plan::describe() const {
  std::string out =
      fmt::format("{:8} {:40} {:>14} {:>12}\n", "layer", "kind", "output", "parameters");
  out += fmt::format("{:8} {:40} {:>14} {:>12}\n", "", "input", to_string(input), "");
  describe_layers(*this, layers, 0, out);
  return out + fmt::format("{:8} {:40} {:>14} {:>12}\n", "", "total", "", parameter_count());
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
