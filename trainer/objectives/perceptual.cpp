#include "objectives/perceptual.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <array>
#include <optional>

#include "base/error.h"
#include "pretrained/feature_network.h"
#include "pretrained/weight_table.h"

namespace allmodes::objectives {
namespace {

using pretrained::WeightTable;

constexpr const char* kTrunkFile = "vgg16.safetensors";
constexpr const char* kEfficientNetName = "efficientnet_lite0";
constexpr const char* kLinearFile = "lpips.safetensors";

// A convolution of VGG16 (Simonyan and Zisserman, arXiv 1409.1556, configuration D): its place
// among torchvision's `features`, its channels, and whether a stage ends behind it, which a pooling
// follows.
struct VggLayer {
  int64_t place, inputs, outputs;
  bool ends_stage = false;
};
constexpr std::array<VggLayer, 13> kVgg16{{{0, 3, 64},
                                           {2, 64, 64, true},
                                           {5, 64, 128},
                                           {7, 128, 128, true},
                                           {10, 128, 256},
                                           {12, 256, 256},
                                           {14, 256, 256, true},
                                           {17, 256, 512},
                                           {19, 512, 512},
                                           {21, 512, 512, true},
                                           {24, 512, 512},
                                           {26, 512, 512},
                                           {28, 512, 512, true}}};

WeightTable trunk_tensors() {
  WeightTable table{.of = "VGG16's features", .tensors = {}, .ignored_beginnings = {"classifier."}};
  for (const VggLayer& layer : kVgg16) {
    table.tensors.push_back(
        {fmt::format("features.{}.weight", layer.place), {layer.outputs, layer.inputs, 3, 3}});
    table.tensors.push_back({fmt::format("features.{}.bias", layer.place), {layer.outputs}});
  }
  return table;
}

WeightTable linear_tensors() {
  WeightTable table{.of = "the linear layers of LPIPS for VGG16", .tensors = {}};
  for (const VggLayer& layer : kVgg16)
    if (layer.ends_stage)
      table.tensors.push_back(
          {fmt::format("lin{}.model.1.weight", table.tensors.size()), {1, layer.outputs, 1, 1}});
  return table;
}

// In the order of the table.
std::vector<at::Tensor> read_in_order(const std::filesystem::path& path, const WeightTable& table) {
  const pretrained::Weights weights = pretrained::read_checked(path, table);
  std::vector<at::Tensor> tensors;
  for (const auto& wanted : table.tensors) tensors.push_back(weights.at(wanted.name));
  return tensors;
}

// Grey pictures with three equal colours.
at::Tensor coloured(const at::Tensor& x) {
  return x.size(1) == 3 ? x : x.expand({x.size(0), 3, x.size(2), x.size(3)});
}

// (x - shift) / scale of each colour: the normalization of the network's pictures, for values in
// [-1, 1].
at::Tensor scaled(const at::Tensor& pictures) {
  constexpr std::array<double, 3> kShift{-0.030, -0.088, -0.188}, kScale{0.458, 0.448, 0.450};
  const auto row = [&](const std::array<double, 3>& values) {
    std::vector<at::Tensor> each;
    for (const double value : values)
      each.push_back(at::full({1, 1, 1, 1}, value, pictures.options().requires_grad(false)));
    return at::cat(each, 1);
  };
  return (pictures - row(kShift)) / row(kScale);
}

// Of unit length over the channels at each pixel; features that are all 0 stay 0, with a gradient
// of 0.
at::Tensor unit_length(const at::Tensor& features) {
  constexpr double kLeast = 1e-10;
  return features /
         ((features.square().sum(1, /*keepdim=*/true) + kLeast * kLeast).sqrt() + kLeast);
}

}  // namespace

void Lpips::check(const std::filesystem::path& folder, const std::string& path,
                  std::vector<ConfigurationError>& errors) {
  if (folder.empty()) {
    errors.push_back({path, fmt::format("perceptual_path: \"lpips\" needs a folder with {} and {}",
                                        kTrunkFile, kLinearFile)});
    return;
  }
  if (!std::filesystem::is_directory(folder)) return;
  try {
    pretrained::open_checked(folder / kTrunkFile, trunk_tensors());
    pretrained::open_checked(folder / kLinearFile, linear_tensors());
  } catch (const Error& error) {
    errors.push_back({path, error.what()});
  }
}

const Lpips::Weights& Lpips::weights_on(at::Device device) const {
  if (!weights_.kernels.empty() && weights_.kernels[0].device() == device) return weights_;
  const auto trunk = read_in_order(folder_ / kTrunkFile, trunk_tensors());
  const auto linear = read_in_order(folder_ / kLinearFile, linear_tensors());
  weights_ = {};
  for (const at::Tensor& tensor : trunk)
    (tensor.dim() == 4 ? weights_.kernels : weights_.biases).push_back(tensor.to(device));
  for (const at::Tensor& tensor : linear) weights_.channels.push_back(tensor.to(device));
  return weights_;
}

at::Tensor Lpips::distances(const at::Tensor& made, const at::Tensor& samples) const {
  const Weights& weights = weights_on(made.device());
  // One batch of both: half the operators.
  at::Tensor x = scaled(at::cat({coloured(made), coloured(samples)}));
  const int64_t pairs = made.size(0);
  at::Tensor sum;
  size_t stage = 0;
  for (size_t i = 0; i < kVgg16.size(); ++i) {
    x = at::relu(at::conv2d(x, weights.kernels[i], weights.biases[i], /*stride=*/1, /*padding=*/1));
    if (!kVgg16[i].ends_stage) continue;
    const at::Tensor features = unit_length(x);
    const at::Tensor apart = (features.narrow(0, 0, pairs) - features.narrow(0, pairs, pairs));
    const at::Tensor of_stage = (apart.square() * weights.channels[stage]).sum(1).mean({1, 2});
    sum = sum.defined() ? sum + of_stage : of_stage;
    if (++stage < weights.channels.size()) x = at::max_pool2d(x, 2);
  }
  return sum;
}

void EfficientNetDistance::check(const std::filesystem::path& file, const std::string& path,
                                 std::vector<ConfigurationError>& errors) {
  const auto place = file.empty() ? pretrained::efficientnet_lite0_file() : std::optional(file);
  if (!place || !std::filesystem::exists(*place)) return;
  try {
    pretrained::open_checked(*place, pretrained::efficientnet_lite0_weights());
  } catch (const Error& error) {
    errors.push_back({path, error.what()});
  }
}

const pretrained::EfficientNetLite0& EfficientNetDistance::network_on(at::Device device) const {
  if (network_ && device_ == device) return *network_;
  const pretrained::NetworkChoice choice{.name = kEfficientNetName, .weights = file_.string()};
  const std::string complaint = pretrained::choice_complaint(choice);
  if (!complaint.empty())
    ALLMODES_FAIL(ExitCode::kNoInput, "first_stage.perceptual: {}", complaint);
  const auto file = file_.empty() ? *pretrained::efficientnet_lite0_file() : file_;
  network_.emplace(pretrained::read_checked(file, pretrained::efficientnet_lite0_weights()),
                   device);
  device_ = device;
  return *network_;
}

at::Tensor EfficientNetDistance::distances(const at::Tensor& made,
                                           const at::Tensor& samples) const {
  const auto& network = network_on(made.device());
  // [-1, 1] to bytes, and those to the network's range.
  const at::Tensor bytes = (at::cat({coloured(made), coloured(samples)}) + 1) * 127.5;
  const int64_t pairs = made.size(0);
  at::Tensor sum;
  const auto stages = network.stages(pretrained::EfficientNetLite0::scaled(bytes));
  for (const at::Tensor& stage : stages) {
    const at::Tensor features = unit_length(stage);
    const at::Tensor apart = features.narrow(0, 0, pairs) - features.narrow(0, pairs, pairs);
    const at::Tensor of_stage = apart.square().sum(1).mean({1, 2});
    sum = sum.defined() ? sum + of_stage : of_stage;
  }
  return sum / static_cast<double>(stages.size());
}

std::unique_ptr<PerceptualDistance> make_perceptual(const std::string& name,
                                                    const std::string& path) {
  if (name == "lpips") return std::make_unique<Lpips>(path);
  if (name == kEfficientNetName) return std::make_unique<EfficientNetDistance>(path);
  return nullptr;
}

void check_perceptual_weights(const std::string& name, const std::string& path,
                              const std::string& field, std::vector<ConfigurationError>& errors) {
  if (name == "lpips") Lpips::check(path, field, errors);
  if (name == kEfficientNetName) EfficientNetDistance::check(path, field, errors);
}

}  // namespace allmodes::objectives
