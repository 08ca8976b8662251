#pragma once

// Small networks that have between them every kind of layer in its ways.

#include <string>
#include <vector>

#include "ranks/networks_fixture.h"

namespace allmodes::testing {

inline constexpr int64_t kBatch = 5;
inline constexpr int64_t kClasses = 3;

struct GradientCase {
  std::string name;
  Layers layers;
  networks::Shape input;
  bool twice = true;  // the gradient of a gradient penalty too
};

inline std::vector<GradientCase> gradient_cases() {
  const networks::Shape image{2, 4, 4};
  const config::Layer convolution{config::Convolution{.channels = 4, .padding = 1}};
  std::vector<GradientCase> cases{
      {"linear", {{config::Linear{.units = 3}}}, {4}},
      {"spectral_linear", {{config::Linear{.units = 3, .spectral_norm = true}}}, {4}},
      {"convolution",
       {{config::Convolution{.channels = 3, .kernel = 3, .stride = 2, .padding = 1}}},
       image},
      {"grouped_convolution", {{config::Convolution{.channels = 4, .groups = 2}}}, image},
      {"spectral_convolution",
       {{config::Convolution{.channels = 4, .groups = 2, .spectral_norm = true}}},
       image},
      {"transposed_convolution",
       {{config::TransposedConvolution{.channels = 2, .kernel = 3, .output_padding = 1}}},
       image},
      {"spectral_transposed_convolution",
       {{config::TransposedConvolution{.channels = 3, .spectral_norm = true}}},
       image},
      {"batch_norm", {{config::BatchNorm{}}}, {4}},
      {"batch_norm_images", {{config::BatchNorm{}}}, image},
      {"global_batch_norm", {{config::BatchNorm{.statistics = "global"}}}, {4}, false},
      {"global_batch_norm_images", {{config::BatchNorm{.statistics = "global"}}}, image, false},
      {"layer_norm", {{config::LayerNorm{}}}, {4}},
      {"layer_norm_images", {{config::LayerNorm{}}}, image},
      {"instance_norm", {{config::InstanceNorm{}}}, image},
      {"group_norm", {{config::GroupNorm{.groups = 2}}}, {6}},
      {"group_norm_images", {convolution, {config::GroupNorm{.groups = 2}}}, image},
      {"maxout", {{config::Maxout{.units = 3, .pieces = 4}}}, {4}},
      {"reshape", {{config::Reshape{{1, 8, 4}}}, {config::Convolution{.channels = 2}}}, image},
      {"flatten", {{config::Flatten{}}, {config::Linear{.units = 2}}}, image},
      {"residual", {{config::Residual{{{config::Linear{.units = 4}}}, {}}}}, {4}},
      {"residual_shortcut",
       {{config::Residual{{{config::Linear{.units = 3}}, {config::Activation{"tanh"}}},
                          {{config::Linear{.units = 3, .bias = false}}}}}},
       {4}},
      {"upsample_nearest", {{config::Upsample{}}, convolution}, image},
      {"upsample_bilinear", {{config::Upsample{.factor = 3, .mode = "bilinear"}}}, image},
      {"upsample_filtered", {{config::Upsample{.factor = 3, .mode = "filtered"}}}, image},
      {"downsample", {{config::Downsample{}}}, image},
      {"downsample_filtered", {{config::Downsample{.mode = "filtered"}}, convolution}, image},
      {"grouped_transposed_convolution",
       {convolution, {config::TransposedConvolution{.channels = 6, .groups = 2}}},
       image},
      {"global_pool", {{config::GlobalPool{}}}, image},
      {"dropout", {{config::Linear{.units = 8}}, {config::Dropout{}}}, {4}},
      {"self_attention", {convolution, {config::SelfAttention{.reduction = 2}}}, image},
      {"attention", {{config::ZeroPad{2, 1}}, convolution, {config::Attention{}}}, image},
      {"class_concatenation", {{config::ClassConcatenation{.dimension = 2}}, convolution}, image},
      {"class_projection", {{config::ClassProjection{}}}, {4}},
      {"spectral_class_projection", {{config::ClassProjection{.spectral_norm = true}}}, {4}},
      {"inner_product_alone", {{config::ClassProjection{.linear = false}}}, {4}},
      {"minibatch_stddev", {{config::MinibatchStddev{.group = kBatch}}, convolution}, image},
      {"minibatch_discrimination",
       {{config::MinibatchDiscrimination{.features = 3, .dimension = 2}}},
       {4}},
  };
  for (const auto name : networks::activation_names())
    cases.push_back(
        {std::string(name),
         {{config::Linear{.units = 3}}, {config::Activation{.function = std::string(name)}}},
         {4}});
  return cases;
}

}  // namespace allmodes::testing
