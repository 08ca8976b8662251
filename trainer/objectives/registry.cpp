#include "objectives/registry.h"

#include <variant>

#include "config/load.h"

namespace allmodes::objectives {

const std::map<std::string, GanLoss>& gan_losses() {
  static const std::map<std::string, GanLoss> table = {
      {"non_saturating", {non_saturating::discriminator, non_saturating::generator}},
      {"saturating", {non_saturating::discriminator, saturating::generator}},
      {"wasserstein", {wasserstein::discriminator, wasserstein::generator}},
  };
  return table;
}

const std::map<std::string, PenaltyFunction>& penalties() {
  static const std::map<std::string, PenaltyFunction> table = {
      {"r1", r1_penalty},
      {"gradient_penalty", interpolated_penalty},
  };
  return table;
}

const std::map<std::string, Likelihood>& likelihoods() {
  static const std::map<std::string, Likelihood> table = {
      {"bernoulli", kBernoulli},
      {"gaussian", kGaussian},
      {"gaussian_learned", kGaussianLearned},
  };
  return table;
}

std::unique_ptr<Objective> make_objective(const config::RunConfig& config, const DataFacts& data,
                                          std::vector<ConfigurationError>& errors) {
  if (const auto* gan = std::get_if<config::Gan>(&config.family))
    return make_gan(config, *gan, data, errors);
  if (const auto* vae = std::get_if<config::Vae>(&config.family))
    return make_vae(config, *vae, data, errors);
  return nullptr;  // reported by config::load
}

}  // namespace allmodes::objectives
