#pragma once

// DINOv2 (Oquab et al., "DINOv2: learning robust visual features without supervision", arXiv
// 2304.07193): vision transformers of four sizes over patches of 14 pixels, without registers.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pretrained/weight_table.h"

namespace allmodes::pretrained {

inline constexpr int64_t kDinov2Side = 224;

struct Dinov2Size {
  std::string_view name;  // "dinov2_vits14"
  int64_t width, layers, heads;
  bool gated = false;  // the feed-forward layers are SwiGLU instead of GELU
};

// S, B, L, g. Throws kSoftware for another name.
const Dinov2Size& dinov2_size(const std::string& name);

// Names and shapes as the authors publish them ("blocks.0.attn.qkv.weight"), and as the hub's
// library has them ("encoder.layer.0.attention.attention.query.weight", also behind "dinov2.").
std::vector<WeightTable> dinov2_dialects(const Dinov2Size& size);

// The weights under the authors' names, from a file of any dialect. The hash is of them under these
// names: the same for either dialect. Throws as read_checked().
Weights read_dinov2(const std::filesystem::path& path, const Dinov2Size& size);

class Dinov2 {
 public:
  // Of read_dinov2().
  Dinov2(const Weights& weights, const Dinov2Size& size, at::Device device);

  // The normalized class token, [n, width], of pictures [n, 3, 224, 224], normalized colour by
  // colour with ImageNet's mean and deviation.
  at::Tensor features(const at::Tensor& pictures) const;

 private:
  at::Tensor attention(const std::string& block, const at::Tensor& x) const;
  at::Tensor feed_forward(const std::string& block, const at::Tensor& x) const;
  at::Tensor linear(const std::string& name, const at::Tensor& x) const;
  at::Tensor norm(const std::string& name, const at::Tensor& x) const;
  const at::Tensor& weight(const std::string& name) const { return weights_.at(name); }

  Dinov2Size size_;
  Weights weights_;
  at::Tensor positions_;  // [1, 1 + 16 * 16, width], interpolated to pictures of 224 pixels
};

}  // namespace allmodes::pretrained
