#pragma once

// A network is a list of layers, and its plan is everything about it that needs no tensor: the
// shapes at every layer, the parameters and the buffers. Planning is pure and knows no Torch, so a
// network that does not fit its input is found when a configuration is validated.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/run_config.h"

namespace allmodes::networks {

// Sizes without the batch dimension: {features} or {channels, height, width}.
using Shape = std::vector<int64_t>;

// "1x28x28".
std::string to_string(const Shape& shape);

// The product of the sizes; the empty shape has one element.
int64_t elements(const Shape& shape);

// A layer that cannot be made. `path` is where in the network's configuration, such as
// "layers[4].residual.layers[1]", or "" when it is the architecture as a whole.
class ShapeError : public Error {
 public:
  ShapeError(std::string path, const std::string& message)
      : Error(ExitCode::kConfiguration, path.empty() ? message : path + ": " + message),
        path_(std::move(path)),
        message_(message) {}
  const std::string& path() const { return path_; }
  // What is wrong, without the path.
  const std::string& message() const { return message_; }

 private:
  std::string path_;
  std::string message_;
};

// The distribution of a parameter's first value.
enum class Init {
  kFanIn,        // U(-b, b), b = 1 / sqrt(fan_in)
  kNormal,       // N(0, 0.02^2)
  kNormalAtOne,  // N(1, 0.02^2)
  kZero,
  kOne,
  kDeviation,  // N(0, deviation^2), the spec's own
};

struct ParameterSpec {
  // "3.weight"; inside the residual block at 4: "4.1.weight", "4.shortcut.0.weight"
  std::string name;
  Shape shape;
  Init init = Init::kZero;
  int64_t fan_in = 0;    // inputs a unit sums over, as torch.nn counts them
  double deviation = 0;  // kDeviation
};

struct BufferSpec {
  std::string name;  // "1.running_mean", "1.running_var", "0.u" of a spectral norm
  Shape shape;
  float value = 0;         // at the start
  double momentum = 0.1;   // weight of a new batch in the running value, (0, 1]
  bool direction = false;  // starts as a random unit vector instead of `value`
};

// What a layer keeps is named by its place, "3.running_mean"; what training keeps beside a network,
// such as running means of scores, is no layer's.
bool is_of_a_layer(const BufferSpec& buffer);

struct LayerPlan {
  config::Layer layer;
  std::string name;  // "3", "4.1": the prefix of its parameters
  Shape input, output;
  size_t first_parameter = 0;  // index of its first parameter and buffer in the network's lists
  size_t first_buffer = 0;
  std::vector<LayerPlan> inner, shortcut;  // residual: the layers of the block and beside it
};

struct Plan {
  std::vector<LayerPlan> layers;
  Shape input, output;
  std::vector<ParameterSpec> parameters;
  std::vector<BufferSpec> buffers;
  int64_t classes = 0;  // of class-conditional layers; 0: there are no labels

  // Some layer's output for one sample depends on the samples of every rank (batch norm or
  // minibatch discrimination with statistics "global"): such a network cannot be differentiated
  // twice.
  bool couples_all_ranks() const;
  // Some layer's output in training depends on the other samples of the batch (any batch norm,
  // minibatch standard deviation or discrimination).
  bool couples_samples() const;
  // In training two batches may be run as one, to the same outputs: no layer couples samples, keeps
  // running values or draws noise.
  bool takes_batches_together() const;
  int64_t parameter_count() const;
  // Of one sample's way forward, roughly: each weight at each place ({height, width}) of its
  // layer's input or output, of which has fewer. What attention multiplies beside is not in it.
  int64_t multiply_adds() const;
  // A table, one line a layer: name, kind, output shape, parameters.
  std::string describe() const;
};

// Plans `layers` for samples of shape `input`. `initialization`:
//   kaiming_uniform  weights and biases U(-b, b), b = 1 / sqrt(fan_in): the default of torch.nn's
//                    Linear and Conv2d (He et al., "Delving deep into rectifiers", 2015, with
//                    a = sqrt(5)); normalizations' weight 1, bias 0
//   normal_002       weights N(0, 0.02^2), biases 0, normalizations' weight N(1, 0.02^2), bias 0
//                    (Radford, Metz, Chintala, "Unsupervised representation learning with deep
//                    convolutional GANs", 2016)
// Concatenated class embeddings are U(-1, 1) in both; the gain of self-attention is 0. A layer's
// own `gain` stands above either. `classes`: of the labels that class-conditional layers are given;
// 0: there are none. Throws ShapeError naming the first layer that does not fit.
Plan plan(const std::vector<config::Layer>& layers, const Shape& input,
          const std::string& initialization, int64_t classes = 0);

// Numbers that are learned in `layer` of `plan`, inner layers included.
int64_t parameters_in(const Plan& plan, const LayerPlan& layer);

// The names that Activation::function knows.
const std::vector<std::string_view>& activation_names();

// The names that `initialization` knows.
const std::vector<std::string_view>& initialization_names();

}  // namespace allmodes::networks
