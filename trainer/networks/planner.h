#pragma once

// How layers are planned: one `plan_layer` for each kind checks the layer against the shape of its
// input, declares its parameters and buffers and returns its output shape. Each has its counterpart
// `apply` in runner.h. A new kind of layer is one of either and its label in describe.cpp.

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "networks/plan.h"

namespace allmodes::networks {

// Builds a plan layer by layer; what a plan_layer needs to know and to declare.
class Planner {
 public:
  Planner(Plan& out, bool normal_002) : out_(out), normal_002_(normal_002) {}

  // Layers one after another: their names begin with `prefix`, their place in the configuration is
  // `path`[i].
  std::vector<LayerPlan> run(const std::vector<config::Layer>& layers, Shape shape,
                             const std::string& prefix, const std::string& path);

  // The layer being planned, and its place in the configuration.
  LayerPlan& current() { return *current_; }
  const std::string& path() const { return path_; }
  // Back to an outer layer, when those inside it are planned.
  void move_to(const std::string& path) { path_ = path; }
  int64_t classes() const { return out_.classes; }

  template <typename... Arguments>
  [[noreturn]] void refuse(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    throw ShapeError(path_, fmt::format(text, std::forward<Arguments>(arguments)...));
  }
  void at_least(const char* field, int64_t value, int64_t least) const;
  void check_size(const char* what, const Shape& shape) const;
  void check_epsilon(double epsilon) const;
  void need_flat(const char* kind, const Shape& shape) const;
  void need_image(const char* kind, const Shape& shape) const;
  // {features} or {channels, height, width}.
  void need_flat_or_image(const char* kind, const Shape& shape) const;
  // Labels are given.
  void need_classes(const char* kind) const;

  void add(const char* name, Shape shape, Init init, int64_t fan_in);
  void add_weight(const char* name, Shape shape, int64_t fan_in);
  // N(0, gain^2 / inputs).
  void add_scaled(const char* name, Shape shape, double gain, int64_t inputs);
  void add_bias(const char* name, int64_t units, int64_t fan_in);
  // `gain`: of the layer, where it is not negative, for weights that sum over `inputs` values (0:
  // fan_in).
  void add_weight_and_bias(Shape weight, int64_t units, int64_t fan_in, bool bias, double gain = -1,
                           int64_t inputs = 0);
  // Of a normalization.
  void add_scale_and_shift(int64_t channels);
  void add_running(const char* name, Shape shape, float value, double momentum);
  // The left singular vector that a spectral norm of a weight with so many rows follows.
  void add_singular_vector(const char* name, int64_t rows);

 private:
  Plan& out_;
  bool normal_002_;
  LayerPlan* current_ = nullptr;
  std::string path_;
};

// plan_weights.cpp
Shape plan_layer(Planner& planner, const config::Linear& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Convolution& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::TransposedConvolution& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Maxout& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::SelfAttention& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Attention& layer, const Shape& shape);

// plan_norms.cpp
Shape plan_layer(Planner& planner, const config::BatchNorm& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::LayerNorm& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::InstanceNorm& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::GroupNorm& layer, const Shape& shape);

// plan_shapes.cpp: layers without parameters of their own
Shape plan_layer(Planner& planner, const std::monostate& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Activation& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Reshape& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Flatten& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Residual& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Upsample& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Downsample& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::GlobalPool& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Dropout& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::ZeroPad& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::Custom& layer, const Shape& shape);

// plan_samples.cpp: layers that see labels or other samples
Shape plan_layer(Planner& planner, const config::ClassConcatenation& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::ClassProjection& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::MinibatchStddev& layer, const Shape& shape);
Shape plan_layer(Planner& planner, const config::MinibatchDiscrimination& layer,
                 const Shape& shape);

}  // namespace allmodes::networks
