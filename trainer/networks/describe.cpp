// A plan as a table.

#include <fmt/format.h>

#include "networks/plan.h"

namespace allmodes::networks {
namespace {

struct Label {
  std::string operator()(const std::monostate&) { return "empty"; }
  std::string operator()(const config::Linear& l) {
    return fmt::format("linear {}{}", l.units, normed(l.spectral_norm));
  }
  std::string operator()(const config::Convolution& l) {
    return fmt::format("convolution {}x{} stride {}{}{}", l.kernel, l.kernel, l.stride,
                       l.groups == 1 ? "" : fmt::format(" groups {}", l.groups),
                       normed(l.spectral_norm));
  }
  std::string operator()(const config::TransposedConvolution& l) {
    return fmt::format("transposed_convolution {}x{} stride {}{}{}", l.kernel, l.kernel, l.stride,
                       l.groups == 1 ? "" : fmt::format(" groups {}", l.groups),
                       normed(l.spectral_norm));
  }
  std::string operator()(const config::BatchNorm& l) {
    return fmt::format("batch_norm {}", l.statistics);
  }
  std::string operator()(const config::LayerNorm&) { return "layer_norm"; }
  std::string operator()(const config::InstanceNorm&) { return "instance_norm"; }
  std::string operator()(const config::GroupNorm& l) {
    return fmt::format("group_norm {}", l.groups);
  }
  std::string operator()(const config::Activation& l) { return l.function; }
  std::string operator()(const config::Maxout& l) {
    return fmt::format("maxout {} of {}", l.units, l.pieces);
  }
  std::string operator()(const config::Reshape&) { return "reshape"; }
  std::string operator()(const config::Flatten&) { return "flatten"; }
  std::string operator()(const config::Residual&) { return "residual"; }
  std::string operator()(const config::Upsample& l) {
    return fmt::format("upsample {} {}", l.factor, l.mode);
  }
  std::string operator()(const config::Downsample& l) {
    return fmt::format("downsample {} {}", l.factor, l.mode);
  }
  std::string operator()(const config::GlobalPool& l) {
    return fmt::format("global_pool {}", l.reduction);
  }
  std::string operator()(const config::ZeroPad& l) {
    return fmt::format("zero_pad {} {}", l.before, l.after);
  }
  std::string operator()(const config::Attention&) { return "attention"; }
  std::string operator()(const config::Custom& l) { return l.layer; }
  std::string operator()(const config::Dropout& l) { return fmt::format("dropout {}", l.rate); }
  std::string operator()(const config::SelfAttention& l) {
    return fmt::format("self_attention 1/{}", l.reduction);
  }
  std::string operator()(const config::ClassConcatenation& l) {
    return fmt::format("class_concatenation {}", l.dimension);
  }
  std::string operator()(const config::ClassProjection& l) {
    return fmt::format("class_projection{}", normed(l.spectral_norm));
  }
  std::string operator()(const config::MinibatchStddev& l) {
    return fmt::format("minibatch_stddev {}", l.group);
  }
  std::string operator()(const config::MinibatchDiscrimination& l) {
    return fmt::format("minibatch_discrimination {}x{} {}", l.features, l.dimension, l.statistics);
  }

  static const char* normed(bool spectral_norm) { return spectral_norm ? ", spectral norm" : ""; }
};

void describe_layers(const Plan& plan, const std::vector<LayerPlan>& layers, int depth,
                     std::string& out) {
  for (const LayerPlan& layer : layers) {
    out += fmt::format(
        "{:8} {:40} {:>14} {:>12}\n", layer.name,
        std::string(static_cast<size_t>(2 * depth), ' ') + std::visit(Label{}, layer.layer.kind),
        to_string(layer.output), parameters_in(plan, layer));
    describe_layers(plan, layer.inner, depth + 1, out);
    describe_layers(plan, layer.shortcut, depth + 1, out);
  }
}

}  // namespace

std::string Plan::describe() const {
  std::string out =
      fmt::format("{:8} {:40} {:>14} {:>12}\n", "layer", "kind", "output", "parameters");
  out += fmt::format("{:8} {:40} {:>14} {:>12}\n", "", "input", to_string(input), "");
  describe_layers(*this, layers, 0, out);
  return out + fmt::format("{:8} {:40} {:>14} {:>12}\n", "", "total", "", parameter_count());
}

}  // namespace allmodes::networks
