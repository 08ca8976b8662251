#include "pretrained/dinov2.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace allmodes::pretrained {
namespace {

constexpr int64_t kPatch = 14;
constexpr int64_t kTrainedGrid = 37;  // patches a side in training, at 518 pixels
constexpr int64_t kGrid = kDinov2Side / kPatch;
constexpr double kLayerNormEpsilon = 1e-6;

constexpr std::array<Dinov2Size, 4> kDinov2Sizes{{{"dinov2_vits14", 384, 12, 6},
                                                  {"dinov2_vitb14", 768, 12, 12},
                                                  {"dinov2_vitl14", 1024, 24, 16},
                                                  {"dinov2_vitg14", 1536, 40, 24, true}}};

// Numbers between the two layers of a SwiGLU: two thirds of four widths, up to a multiple of eight.
int64_t gated_width(int64_t width) {
  return (4 * width * 2 / 3 + 7) / 8 * 8;
}

// A tensor of the authors', and the hub's in its place: three of them for queries, keys and values.
struct Renamed {
  NamedShape authors;
  std::vector<NamedShape> hub;
};

// NAME.weight and NAME.bias.
void list_layer(std::vector<Renamed>& list, const std::string& authors,
                const std::vector<std::string>& hub, std::vector<int64_t> shape) {
  for (const char* part : {".weight", ".bias"}) {
    Renamed renamed{{authors + part, shape}, {}};
    for (const auto& name : hub) {
      auto split = shape;
      split[0] /= std::ssize(hub);
      renamed.hub.push_back({name + part, split});
    }
    list.push_back(std::move(renamed));
    shape.resize(1);
  }
}

void list_block(std::vector<Renamed>& list, const Dinov2Size& size, int64_t i) {
  const std::string a = fmt::format("blocks.{}.", i), h = fmt::format("encoder.layer.{}.", i);
  const int64_t width = size.width;
  list_layer(list, a + "norm1", {h + "norm1"}, {width});
  const std::string inner = h + "attention.attention.";
  list_layer(list, a + "attn.qkv", {inner + "query", inner + "key", inner + "value"},
             {3 * width, width});
  list_layer(list, a + "attn.proj", {h + "attention.output.dense"}, {width, width});
  list.push_back({{a + "ls1.gamma", {width}}, {{h + "layer_scale1.lambda1", {width}}}});
  list_layer(list, a + "norm2", {h + "norm2"}, {width});
  if (size.gated) {
    const int64_t between = gated_width(width);
    list_layer(list, a + "mlp.w12", {h + "mlp.weights_in"}, {2 * between, width});
    list_layer(list, a + "mlp.w3", {h + "mlp.weights_out"}, {width, between});
  } else {
    list_layer(list, a + "mlp.fc1", {h + "mlp.fc1"}, {4 * width, width});
    list_layer(list, a + "mlp.fc2", {h + "mlp.fc2"}, {width, 4 * width});
  }
  list.push_back({{a + "ls2.gamma", {width}}, {{h + "layer_scale2.lambda1", {width}}}});
}

std::vector<Renamed> dinov2_tensors(const Dinov2Size& size) {
  const int64_t width = size.width;
  std::vector<Renamed> list;
  list.push_back({{"cls_token", {1, 1, width}}, {{"embeddings.cls_token", {1, 1, width}}}});
  const std::vector<int64_t> positions{1, 1 + kTrainedGrid * kTrainedGrid, width};
  list.push_back({{"pos_embed", positions}, {{"embeddings.position_embeddings", positions}}});
  list.push_back({{"mask_token", {1, width}}, {{"embeddings.mask_token", {1, width}}}});
  list_layer(list, "patch_embed.proj", {"embeddings.patch_embeddings.projection"},
             {width, 3, kPatch, kPatch});
  for (int64_t i = 0; i < size.layers; ++i) list_block(list, size, i);
  list_layer(list, "norm", {"layernorm"}, {width});
  return list;
}

WeightTable hub_table(const Dinov2Size& size, const std::string& prefix) {
  WeightTable table{.of = fmt::format("{} (the hub's names)", size.name),
                    .tensors = {},
                    .ignored_beginnings = {"classifier."}};
  for (const auto& tensor : dinov2_tensors(size))
    for (const auto& part : tensor.hub) table.tensors.push_back({prefix + part.name, part.shape});
  return table;
}

// Positions of 37 x 37 patches, bicubic, at those of 16 x 16. The authors' code resizes by the
// factor (16 + 0.1) / 37, so that rounding leaves 16: the places are that factor apart.
at::Tensor interpolated(const at::Tensor& positions) {
  const at::Tensor patches = positions.narrow(1, 1, kTrainedGrid * kTrainedGrid)
                                 .view({1, kTrainedGrid, kTrainedGrid, -1})
                                 .permute({0, 3, 1, 2});
  constexpr double kScale = (kGrid + 0.1) / kTrainedGrid;
  const at::Tensor resized = at::upsample_bicubic2d(patches, {kGrid, kGrid},
                                                    /*align_corners=*/false, kScale, kScale);
  const at::Tensor rows =
      resized.permute({0, 2, 3, 1}).reshape({1, kGrid * kGrid, positions.size(2)});
  return at::cat({positions.narrow(1, 0, 1), rows}, 1);
}

}  // namespace

const Dinov2Size& dinov2_size(const std::string& name) {
  const auto found = std::ranges::find(kDinov2Sizes, name, &Dinov2Size::name);
  ALLMODES_CHECK(found != kDinov2Sizes.end(), "no DINOv2 is called '{}'", name);
  return *found;
}

std::vector<WeightTable> dinov2_dialects(const Dinov2Size& size) {
  WeightTable authors{.of = fmt::format("{} (the authors' names)", size.name), .tensors = {}};
  for (auto& tensor : dinov2_tensors(size)) authors.tensors.push_back(std::move(tensor.authors));
  return {std::move(authors), hub_table(size, ""), hub_table(size, "dinov2.")};
}

Weights read_dinov2(const std::filesystem::path& path, const Dinov2Size& size) {
  const auto dialects = dinov2_dialects(size);
  const WeightTable& table = dialect_of(checkpoints::SafetensorsFile(path), dialects);
  Weights found = read_checked(path, table);
  if (&table == dialects.data()) return found;
  const std::string prefix = &table == &dialects.back() ? "dinov2." : "";
  Weights renamed;
  for (const auto& tensor : dinov2_tensors(size)) {
    std::vector<at::Tensor> parts;
    for (const auto& part : tensor.hub) parts.push_back(found.at(prefix + part.name));
    renamed.tensors.emplace(tensor.authors.name, parts.size() == 1 ? parts[0] : at::cat(parts));
  }
  renamed.hash = hash_of(renamed, dialects.front());
  return renamed;
}

Dinov2::Dinov2(const Weights& weights, const Dinov2Size& size, at::Device device) : size_(size) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : weights.tensors)
    weights_.tensors.emplace(name, tensor.to(device));
  positions_ = interpolated(weights.at("pos_embed")).to(device);
}

at::Tensor Dinov2::linear(const std::string& name, const at::Tensor& x) const {
  return at::linear(x, weight(name + ".weight"), weight(name + ".bias"));
}

at::Tensor Dinov2::norm(const std::string& name, const at::Tensor& x) const {
  return at::layer_norm(x, {size_.width}, weight(name + ".weight"), weight(name + ".bias"),
                        kLayerNormEpsilon);
}

at::Tensor Dinov2::attention(const std::string& block, const at::Tensor& x) const {
  const int64_t count = x.size(0), tokens = x.size(1), of_head = size_.width / size_.heads;
  const at::Tensor all = linear(block + "attn.qkv", x)
                             .view({count, tokens, 3, size_.heads, of_head})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor queries = all[0] * (1.0 / std::sqrt(static_cast<double>(of_head)));
  const at::Tensor shares = at::softmax(at::matmul(queries, all[1].transpose(-2, -1)), -1);
  return linear(block + "attn.proj",
                at::matmul(shares, all[2]).transpose(1, 2).reshape({count, tokens, size_.width}));
}

at::Tensor Dinov2::feed_forward(const std::string& block, const at::Tensor& x) const {
  if (!size_.gated)
    return linear(block + "mlp.fc2", at::gelu(linear(block + "mlp.fc1", x), "none"));
  const auto halves = linear(block + "mlp.w12", x).chunk(2, -1);
  return linear(block + "mlp.w3", at::silu(halves[0]) * halves[1]);
}

at::Tensor Dinov2::features(const at::Tensor& pictures) const {
  const at::NoGradGuard no_grad;
  const at::Tensor patches = at::conv2d(pictures, weight("patch_embed.proj.weight"),
                                        weight("patch_embed.proj.bias"), /*stride=*/kPatch);
  const at::Tensor rows = patches.flatten(2).transpose(1, 2);
  at::Tensor x =
      at::cat({weight("cls_token").expand({rows.size(0), 1, size_.width}), rows}, 1) + positions_;
  for (int64_t i = 0; i < size_.layers; ++i) {
    const std::string block = fmt::format("blocks.{}.", i);
    x = x + attention(block, norm(block + "norm1", x)) * weight(block + "ls1.gamma");
    x = x + feed_forward(block, norm(block + "norm2", x)) * weight(block + "ls2.gamma");
  }
  return norm("norm", x.select(1, 0));
}

}  // namespace allmodes::pretrained
