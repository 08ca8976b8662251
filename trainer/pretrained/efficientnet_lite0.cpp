#include "pretrained/efficientnet_lite0.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/linear.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/cache_folder.h"

namespace allmodes::pretrained {
namespace {

constexpr double kEfficientNetEpsilon = 1e-3;
constexpr int64_t kStemChannels = 32;
constexpr int64_t kImageNetClasses = 1000;

// A stage: its blocks, whose first one has the stride and the change of channels.
struct EfficientNetStage {
  int64_t blocks, kernel, stride, expansion, channels;
  bool shown;  // among stages()
};
constexpr std::array<EfficientNetStage, 7> kEfficientNetStages{{{1, 3, 1, 1, 16, true},
                                                                {2, 3, 2, 6, 24, true},
                                                                {2, 5, 2, 6, 40, true},
                                                                {3, 3, 2, 6, 80, false},
                                                                {3, 5, 1, 6, 112, true},
                                                                {4, 5, 2, 6, 192, false},
                                                                {1, 3, 1, 6, 320, true}}};

struct EfficientNetBlock {
  std::string name;
  int64_t inputs, kernel, stride, expansion, outputs;
  bool ends_stage;
  int64_t between() const { return inputs * expansion; }
};

std::vector<EfficientNetBlock> efficientnet_blocks() {
  std::vector<EfficientNetBlock> blocks;
  int64_t inputs = kStemChannels;
  for (const auto& stage : kEfficientNetStages) {
    for (int64_t i = 0; i < stage.blocks; ++i) {
      blocks.push_back({fmt::format("_blocks.{}.", blocks.size()), inputs, stage.kernel,
                        i == 0 ? stage.stride : 1, stage.expansion, stage.channels,
                        stage.shown && i + 1 == stage.blocks});
      inputs = stage.channels;
    }
  }
  return blocks;
}

void list_norm(WeightTable& table, const std::string& name, int64_t channels) {
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
    table.tensors.push_back({name + part, {channels}});
}

// Zeros around the picture so that a side of n pixels becomes ceil(n / stride), the odd one behind:
// TensorFlow's "SAME".
at::Tensor same(const Convolution& convolution, const at::Tensor& x) {
  const auto around = [&](int64_t side, int64_t kernel) {
    const int64_t out = (side + convolution.stride - 1) / convolution.stride;
    return std::max<int64_t>(0, (out - 1) * convolution.stride + kernel - side);
  };
  const int64_t high = around(x.size(2), convolution.kernel.size(2));
  const int64_t wide = around(x.size(3), convolution.kernel.size(3));
  if (high == 0 && wide == 0) return convolution(x);
  return convolution(
      at::constant_pad_nd(x, {wide / 2, wide - wide / 2, high / 2, high - high / 2}));
}

at::Tensor clipped_at_6(const at::Tensor& x) {
  return at::hardtanh(x, 0, 6);
}

}  // namespace

WeightTable efficientnet_lite0_weights() {
  WeightTable table{.of = "EfficientNet-Lite0",
                    .tensors = {},
                    .ignored_beginnings = {},
                    .ignored_endings = {".num_batches_tracked"}};
  table.tensors.push_back({"_conv_stem.weight", {kStemChannels, 3, 3, 3}});
  list_norm(table, "_bn0", kStemChannels);
  for (const auto& block : efficientnet_blocks()) {
    const int64_t between = block.between();
    if (block.expansion > 1) {
      table.tensors.push_back({block.name + "_expand_conv.weight", {between, block.inputs, 1, 1}});
      list_norm(table, block.name + "_bn0", between);
    }
    table.tensors.push_back(
        {block.name + "_depthwise_conv.weight", {between, 1, block.kernel, block.kernel}});
    list_norm(table, block.name + "_bn1", between);
    table.tensors.push_back({block.name + "_project_conv.weight", {block.outputs, between, 1, 1}});
    list_norm(table, block.name + "_bn2", block.outputs);
  }
  table.tensors.push_back(
      {"_conv_head.weight", {kEfficientNetFeatures, kEfficientNetStages.back().channels, 1, 1}});
  list_norm(table, "_bn1", kEfficientNetFeatures);
  table.tensors.push_back({"_fc.weight", {kImageNetClasses, kEfficientNetFeatures}});
  table.tensors.push_back({"_fc.bias", {kImageNetClasses}});
  return table;
}

std::optional<std::filesystem::path> efficientnet_lite0_file() {
  const auto folder = cache_folder("features");
  if (!folder) return std::nullopt;
  return *folder / "efficientnet_lite0.safetensors";
}

EfficientNetLite0::EfficientNetLite0(const Weights& weights, at::Device device)
    : class_kernel_(weights.at("_fc.weight").to(device)),
      class_bias_(weights.at("_fc.bias").to(device)) {
  const auto made = [&](const std::string& kernel, const std::string& norm) {
    return folded(weights, kernel + ".weight", norm, kEfficientNetEpsilon, device);
  };
  stem_ = made("_conv_stem", "_bn0");
  stem_.stride = 2;
  head_ = made("_conv_head", "_bn1");
  for (const auto& block : efficientnet_blocks()) {
    Block built{.expand = std::nullopt,
                .depthwise = made(block.name + "_depthwise_conv", block.name + "_bn1"),
                .project = made(block.name + "_project_conv", block.name + "_bn2"),
                .adds_input = block.stride == 1 && block.inputs == block.outputs,
                .ends_stage = block.ends_stage};
    if (block.expansion > 1) built.expand = made(block.name + "_expand_conv", block.name + "_bn0");
    built.depthwise.stride = block.stride;
    built.depthwise.groups = block.between();
    blocks_.push_back(std::move(built));
  }
}

at::Tensor EfficientNetLite0::scaled(const at::Tensor& bytes) {
  return (bytes - 127) / 128;
}

at::Tensor EfficientNetLite0::trunk(const at::Tensor& pictures,
                                    std::vector<at::Tensor>* stages) const {
  at::Tensor x = clipped_at_6(same(stem_, pictures));
  for (const Block& block : blocks_) {
    at::Tensor y = block.expand ? clipped_at_6((*block.expand)(x)) : x;
    y = block.project(clipped_at_6(same(block.depthwise, y)));
    x = block.adds_input ? x + y : y;
    if (stages != nullptr && block.ends_stage) stages->push_back(x);
  }
  return x;
}

std::vector<at::Tensor> EfficientNetLite0::stages(const at::Tensor& pictures) const {
  std::vector<at::Tensor> shown;
  trunk(pictures, &shown);
  return shown;
}

at::Tensor EfficientNetLite0::features(const at::Tensor& pictures) const {
  const at::NoGradGuard no_grad;
  return clipped_at_6(head_(trunk(pictures, nullptr))).mean({2, 3});
}

at::Tensor EfficientNetLite0::logits(const at::Tensor& features) const {
  const at::NoGradGuard no_grad;
  return at::linear(features, class_kernel_, class_bias_);
}

}  // namespace allmodes::pretrained
