#include "config/families.h"

#include <algorithm>

#include <concepts>
#include <numeric>

namespace allmodes::config {
namespace {

template <class S>
std::string name_of(const S&) {
  return std::string(S::kBlock.name);
}
std::string name_of(const std::monostate&) {
  return "";
}

}  // namespace

std::string family_name(const RunConfig& config) {
  return std::visit([](const auto& family) { return name_of(family); }, config.family);
}

std::vector<FamilyNetwork> family_networks(const RunConfig& config) {
  std::vector<FamilyNetwork> networks;
  std::visit(
      [&]<class Family>(const Family& family) {
        const std::string path = name_of(family) + ".";
        if constexpr (std::same_as<Family, Gan>)
          networks.push_back({path + "generator", &family.generator, false});
        if constexpr (std::derived_from<Family, Autoencoder>) {
          networks.push_back({path + "encoder", &family.encoder, false});
          networks.push_back({path + "decoder", &family.decoder, false});
        }
        if constexpr (std::same_as<Family, FirstStage>) {
          networks.push_back({path + "encoder", &family.encoder, false});
          networks.push_back({path + "decoder", &family.decoder, false});
          if (family.adversarial_weight == 0) return;
        }
        if constexpr (std::derived_from<Family, Adversarial>)
          networks.push_back({path + "discriminator", &family.discriminator,
                              !family.penalty.empty() || family.unrolled_steps > 0});
      },
      config.family);
  return networks;
}

std::vector<FamilyOptimizer> family_optimizers(const RunConfig& config) {
  std::vector<FamilyOptimizer> optimizers;
  std::visit(
      [&]<class Family>(const Family& family) {
        const std::string path = name_of(family) + ".";
        if constexpr (requires { family.generator_optimizer; })
          optimizers.push_back({path + "generator_optimizer", &family.generator_optimizer});
        if constexpr (requires { family.optimizer; })
          optimizers.push_back({path + "optimizer", &family.optimizer});
        if constexpr (requires { family.code_optimizer; })
          optimizers.push_back({path + "code_optimizer", &family.code_optimizer});
        if constexpr (requires { family.discriminator_optimizer; })
          optimizers.push_back({path + "discriminator_optimizer", &family.discriminator_optimizer});
      },
      config.family);
  return optimizers;
}

const Adversarial* adversarial_of(const RunConfig& config) {
  return std::visit(
      []<class Family>(const Family& family) -> const Adversarial* {
        if constexpr (std::same_as<Family, FirstStage>)
          return family.adversarial_weight > 0 ? &family : nullptr;
        if constexpr (std::derived_from<Family, Adversarial>) return &family;
        return nullptr;
      },
      config.family);
}

const Autoencoder* autoencoder_of(const RunConfig& config) {
  return std::visit(
      []<class Family>(const Family& family) -> const Autoencoder* {
        if constexpr (std::derived_from<Family, Autoencoder>) return &family;
        return nullptr;
      },
      config.family);
}

int64_t backward_passes(const RunConfig& config) {
  return std::max({int64_t{1}, config.microbatches, config.deterministic_shards});
}

int64_t samples_together(const RunConfig& config) {
  const Adversarial* adversarial = adversarial_of(config);
  const int64_t packed = adversarial != nullptr ? adversarial->packing : 1;
  const auto* gan = std::get_if<Gan>(&config.family);
  return gan != nullptr && gan->mode_seeking > 0 ? std::lcm(packed, int64_t{2}) : packed;
}

}  // namespace allmodes::config
