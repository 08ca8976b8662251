#include "cli/feature_options.h"

#include <string>
#include <vector>

#include "config/rules.h"
#include "run/set_up.h"
#include "world/device.h"

namespace allmodes::cli {
namespace {

template <class Names>
std::vector<std::string> texts_of(const Names& names) {
  return {names.begin(), names.end()};
}

}  // namespace

void add_feature_options(CLI::App& command, pretrained::NetworkChoice& choice) {
  command
      .add_option("--features", choice.name,
                  "Where distances are measured: pixels (the numbers as they are), pca (64 "
                  "principal components of the real samples), random_conv (a fixed random network "
                  "on images), classifier (the last layer but one of a classifier of the labelled "
                  "real images), or a network that others have trained, with --feature-weights: "
                  "inception (that of FID and KID), dinov2_..., efficientnet_lite0 (fetched by "
                  "launch/setup.sh --features); auto: efficientnet_lite0 of colour pictures of 48 "
                  "pixels or more where it is there, else pca of images (random_conv of those of "
                  "more than 4,096 numbers), else pixels")
      ->check(CLI::IsMember(texts_of(config::kFeatures)))
      ->capture_default_str();
  command.add_option("--feature-weights", choice.weights,
                     "The network's weights, safetensors; launch/to_safetensors.py makes them of "
                     "the published .pth");
  command
      .add_option("--protocol", choice.protocol,
                  "How pictures are made ready for the network: as the tool of that name does it; "
                  "default: pytorch_fid for inception, dgm_eval for dinov2")
      ->check(CLI::IsMember(texts_of(config::kFeatureProtocols)))
      ->capture_default_str();
}

at::Device network_device(const pretrained::NetworkChoice& choice, world::Runtime& runtime) {
  const std::string& name = choice.name;
  const bool may_be_network = name == "auto" ? pretrained::efficientnet_lite0_is_there()
                                             : pretrained::find_network(name) != nullptr;
  const double on_any =
      world::all_reduce_value(runtime.control(), may_be_network ? 1.0 : 0.0, world::ReduceOp::max);
  if (on_any < 1) return at::kCPU;
  const auto device = world::choose_device("auto", runtime.world());
  const double on_all =
      world::all_reduce_value(runtime.control(), device.cuda ? 1.0 : 0.0, world::ReduceOp::min);
  if (on_all < 1) return at::kCPU;
  world::bind_device(device);
  return run::device_of(device);
}

}  // namespace allmodes::cli
