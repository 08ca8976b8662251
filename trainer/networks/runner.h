#pragma once

// How layers run: one `apply` for each kind, the counterpart of its `plan_layer` in planner.h,
// takes a batch of the planned input shape to one of the planned output shape. Nothing here writes
// a parameter or a buffer.

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "networks/forward.h"

namespace allmodes::networks {

// Runs the layers of a plan; what an `apply` needs to know.
class Runner {
 public:
  Runner(std::span<const at::Tensor> parameters, std::span<const at::Tensor> buffers,
         Context& context)
      : parameters_(parameters), buffers_(buffers), context_(context) {}

  at::Tensor run(std::span<const LayerPlan> layers, at::Tensor x);

  const Context& context() const { return context_; }
  // The layer's parameters and buffers, in the order in which its plan declared them.
  const at::Tensor& parameter(const LayerPlan& plan, size_t index = 0) const {
    return parameters_[plan.first_parameter + index];
  }
  const at::Tensor& buffer(const LayerPlan& plan, size_t index = 0) const {
    return buffers_[plan.first_buffer + index];
  }
  // The second parameter, undefined where there is none.
  at::Tensor bias(const LayerPlan& plan, bool there) const {
    return there ? parameter(plan, 1) : at::Tensor();
  }
  // A parameter divided by its largest singular value, whose vector is the buffer. `rows`: the axis
  // of its outputs.
  at::Tensor normed(const LayerPlan& plan, size_t parameter_index, size_t buffer_index,
                    int64_t rows);
  // Keeps what this forward found for a buffer, where the caller collects.
  void collect(const LayerPlan& plan, size_t index, const at::Tensor& value);

 private:
  std::span<const at::Tensor> parameters_;
  std::span<const at::Tensor> buffers_;
  Context& context_;
};

// forward_weights.cpp
at::Tensor apply(Runner& runner, const config::Linear& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Convolution& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::TransposedConvolution& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Maxout& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::SelfAttention& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Attention& layer, const LayerPlan& plan,
                 const at::Tensor& x);

// forward_norms.cpp
at::Tensor apply(Runner& runner, const config::BatchNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::LayerNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::InstanceNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::GroupNorm& layer, const LayerPlan& plan,
                 const at::Tensor& x);

// forward_shapes.cpp
at::Tensor apply(Runner& runner, const std::monostate& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Activation& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Reshape& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Flatten& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Residual& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Upsample& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Downsample& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::GlobalPool& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Dropout& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::ZeroPad& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::Custom& layer, const LayerPlan& plan,
                 const at::Tensor& x);

// forward_samples.cpp
at::Tensor apply(Runner& runner, const config::ClassConcatenation& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::ClassProjection& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::MinibatchStddev& layer, const LayerPlan& plan,
                 const at::Tensor& x);
at::Tensor apply(Runner& runner, const config::MinibatchDiscrimination& layer,
                 const LayerPlan& plan, const at::Tensor& x);

}  // namespace allmodes::networks
