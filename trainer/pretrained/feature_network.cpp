#include "pretrained/feature_network.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "pretrained/dinov2.h"
#include "pretrained/efficientnet_lite0.h"
#include "pretrained/inception.h"
#include "pretrained/protocol.h"

namespace allmodes::pretrained {
namespace {

constexpr int64_t kPicturesAtOnce = 25;
constexpr const char* kInception = "inception";
constexpr const char* kDinov2 = "dinov2";
constexpr const char* kEfficientNet = "efficientnet_lite0";

// FID and KID are those of all 2048 numbers; other features' names say which they are.
const std::vector<NetworkRow>& network_rows() {
  static const std::vector<NetworkRow> rows = [] {
    std::vector<NetworkRow> made{{kInception, kInception, "fid", "kid"}};
    const auto add = [&](const std::string& name, const char* network) {
      made.push_back({name, network, "fd_" + name, "kd_" + name});
    };
    for (const char* name : {"inception_64", "inception_192", "inception_768"})
      add(name, kInception);
    for (const char* name : {"dinov2_vits14", "dinov2_vitb14", "dinov2_vitl14", "dinov2_vitg14"})
      add(name, kDinov2);
    add(kEfficientNet, kEfficientNet);
    return made;
  }();
  return rows;
}

// "inception_64": 64.
int64_t inception_width(const std::string& name) {
  return name == kInception ? 2048 : std::stoll(name.substr(name.rfind('_') + 1));
}

std::string weights_of(const NetworkChoice& choice) {
  if (!choice.weights.empty() || choice.name != kEfficientNet) return choice.weights;
  const auto file = efficientnet_lite0_file();
  return file ? file->string() : "";
}

// Batches of a fixed size from the first picture on.
FeatureNetwork batched(const Protocol& protocol, int64_t side, int64_t width, uint64_t hash,
                       at::Device device,
                       std::function<at::Tensor(const at::Tensor& pictures)> forward) {
  FeatureNetwork network{.width = width,
                         .protocol = std::string(protocol.name),
                         .hash = hash_text(hash),
                         .population_covariance = protocol.population_covariance,
                         .features = {},
                         .class_logits = {}};
  network.features = [&protocol, side, device,
                      forward = std::move(forward)](const at::Tensor& pictures) {
    std::vector<at::Tensor> rows;
    for (int64_t first = 0; first < pictures.size(0); first += kPicturesAtOnce) {
      const int64_t count = std::min(kPicturesAtOnce, pictures.size(0) - first);
      const at::Tensor ready =
          prepared(protocol, pictures.narrow(0, first, count), side).to(device);
      rows.push_back(forward(ready).to(at::kCPU));
    }
    return at::cat(rows).contiguous();
  };
  return network;
}

FeatureNetwork open_inception(const NetworkChoice& choice, const Protocol& protocol,
                              at::Device device) {
  const Weights weights = read_checked(choice.weights, inception_weights());
  const auto network = std::make_shared<const Inception>(weights, device);
  const int64_t width = inception_width(choice.name);
  FeatureNetwork made =
      batched(protocol, kInceptionSide, width, weights.hash, device,
              [network, width](const at::Tensor& x) { return network->features(x, width); });
  if (choice.name == kInception)
    made.class_logits = [network, device](const at::Tensor& features) {
      return network->logits(features.to(device), /*with_bias=*/false).to(at::kCPU);
    };
  return made;
}

FeatureNetwork open_dinov2(const NetworkChoice& choice, const Protocol& protocol,
                           at::Device device) {
  const Dinov2Size& size = dinov2_size(choice.name);
  const Weights weights = read_dinov2(choice.weights, size);
  const auto network = std::make_shared<const Dinov2>(weights, size, device);
  return batched(protocol, kDinov2Side, size.width, weights.hash, device,
                 [network](const at::Tensor& x) { return network->features(x); });
}

FeatureNetwork open_efficientnet(const NetworkChoice& choice, const Protocol& protocol,
                                 at::Device device) {
  const Weights weights = read_checked(weights_of(choice), efficientnet_lite0_weights());
  const auto network = std::make_shared<const EfficientNetLite0>(weights, device);
  return batched(protocol, kEfficientNetSide, kEfficientNetFeatures, weights.hash, device,
                 [network](const at::Tensor& x) { return network->features(x); });
}

}  // namespace

const NetworkRow* find_network(const std::string& name) {
  const auto found = std::ranges::find(network_rows(), name, &NetworkRow::name);
  return found == network_rows().end() ? nullptr : &*found;
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const auto& row : network_rows()) names.push_back(row.name);
  return names;
}

std::string choice_complaint(const NetworkChoice& choice) {
  const NetworkRow* row = find_network(choice.name);
  ALLMODES_CHECK(row != nullptr, "no network '{}'", choice.name);
  if (find_protocol(choice.protocol, row->network) == nullptr) {
    std::vector<std::string_view> names;
    for (const Protocol* each : protocols_for(row->network)) names.push_back(each->name);
    return fmt::format("there is no protocol '{}' for {}; there is {}", choice.protocol,
                       row->network, fmt::join(names, ", "));
  }
  if (row->network == kEfficientNet && choice.weights.empty() && !efficientnet_lite0_is_there())
    return "the weights of EfficientNet-Lite0 are not there; launch/setup.sh --features fetches "
           "them";
  if (weights_of(choice).empty())
    return fmt::format(
        "features of {} need its weights, a safetensors file: launch/to_safetensors.py makes one "
        "of the published .pth",
        row->network);
  return {};
}

FeatureNetwork open_network(const NetworkChoice& choice, at::Device device) {
  const std::string complaint = choice_complaint(choice);
  ALLMODES_CHECK(complaint.empty(), "{}", complaint);
  const NetworkRow& row = *find_network(choice.name);
  const Protocol& protocol = *find_protocol(choice.protocol, row.network);
  if (row.network == kInception) return open_inception(choice, protocol, device);
  if (row.network == kDinov2) return open_dinov2(choice, protocol, device);
  return open_efficientnet(choice, protocol, device);
}

bool efficientnet_lite0_is_there() {
  const auto file = efficientnet_lite0_file();
  std::error_code failed;
  return file && std::filesystem::is_regular_file(*file, failed);
}

}  // namespace allmodes::pretrained
