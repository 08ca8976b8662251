#include "objectives/perceptual.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <array>
#include <set>

#include "base/error.h"
#include "checkpoints/safetensors.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kTrunkFile = "vgg16.safetensors";
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

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
};

// What a file must hold, and whose tensors these are.
struct TensorTable {
  const char* file;
  const char* of;
  std::vector<NamedShape> tensors;
  const char* ignored = nullptr;  // how names begin that are not read
};

TensorTable trunk_tensors() {
  std::vector<NamedShape> table;
  for (const VggLayer& layer : kVgg16) {
    table.push_back(
        {fmt::format("features.{}.weight", layer.place), {layer.outputs, layer.inputs, 3, 3}});
    table.push_back({fmt::format("features.{}.bias", layer.place), {layer.outputs}});
  }
  return {kTrunkFile, "VGG16's features", std::move(table), "classifier."};
}

TensorTable linear_tensors() {
  std::vector<NamedShape> table;
  for (const VggLayer& layer : kVgg16)
    if (layer.ends_stage)
      table.push_back(
          {fmt::format("lin{}.model.1.weight", table.size()), {1, layer.outputs, 1, 1}});
  return {kLinearFile, "the linear layers of LPIPS for VGG16", std::move(table)};
}

// Throws kDataError unless the file holds exactly the tensors of the table, and what may be
// ignored.
checkpoints::SafetensorsFile open_checked(const std::filesystem::path& folder,
                                          const TensorTable& table) {
  checkpoints::SafetensorsFile file(folder / table.file);
  std::set<std::string> known;
  for (const auto& [name, shape] : table.tensors) {
    known.insert(name);
    const auto& entry = file.at(name);
    if (entry.dtype != checkpoints::DType::kF32 || entry.shape != shape)
      ALLMODES_FAIL(ExitCode::kDataError, "{}: '{}' is {} of [{}], it must be F32 of [{}]",
                    file.path().string(), name, checkpoints::dtype_name(entry.dtype),
                    fmt::join(entry.shape, ", "), fmt::join(shape, ", "));
  }
  for (const auto& name : file.names())
    if (!known.contains(name) && (table.ignored == nullptr || !name.starts_with(table.ignored)))
      ALLMODES_FAIL(ExitCode::kDataError, "{}: '{}' is no tensor of {}", file.path().string(), name,
                    table.of);
  return file;
}

std::vector<at::Tensor> read_checked(const std::filesystem::path& folder,
                                     const TensorTable& table) {
  const checkpoints::SafetensorsFile file = open_checked(folder, table);
  std::vector<at::Tensor> tensors;
  for (const auto& [name, shape] : table.tensors) {
    tensors.push_back(at::empty(shape, at::TensorOptions().dtype(at::kFloat)));
    file.read(name, tensors.back().mutable_data_ptr(), tensors.back().nbytes());
    if (!at::isfinite(tensors.back()).all().item<bool>())
      ALLMODES_FAIL(ExitCode::kDataError, "{}: '{}' has values that are not finite",
                    file.path().string(), name);
  }
  return tensors;
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
    open_checked(folder, trunk_tensors());
    open_checked(folder, linear_tensors());
  } catch (const Error& error) {
    errors.push_back({path, error.what()});
  }
}

const Lpips::Weights& Lpips::weights_on(at::Device device) const {
  if (!weights_.kernels.empty() && weights_.kernels[0].device() == device) return weights_;
  const auto trunk = read_checked(folder_, trunk_tensors());
  const auto linear = read_checked(folder_, linear_tensors());
  weights_ = {};
  for (const at::Tensor& tensor : trunk)
    (tensor.dim() == 4 ? weights_.kernels : weights_.biases).push_back(tensor.to(device));
  for (const at::Tensor& tensor : linear) weights_.channels.push_back(tensor.to(device));
  return weights_;
}

at::Tensor Lpips::distance(const at::Tensor& made, const at::Tensor& samples) const {
  const Weights& weights = weights_on(made.device());
  const auto coloured = [](const at::Tensor& x) {
    return x.size(1) == 3 ? x : x.expand({x.size(0), 3, x.size(2), x.size(3)});
  };
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
    const at::Tensor of_stage = (apart.square() * weights.channels[stage]).sum(1).mean();
    sum = sum.defined() ? sum + of_stage : of_stage;
    if (++stage < weights.channels.size()) x = at::max_pool2d(x, 2);
  }
  return sum;
}

}  // namespace allmodes::objectives
