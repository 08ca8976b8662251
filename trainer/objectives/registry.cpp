#include "objectives/registry.h"

#include <variant>

#include "config/load.h"

namespace allmodes::objectives {

const std::map<std::string, GanLoss>& gan_losses() {
  static const std::map<std::string, GanLoss> table = {
      {"non_saturating", kNonSaturating},
      {"saturating", kSaturating},
      {"relativistic", kRelativistic},
      {"hinge", kHinge},
      {"least_squares", kLeastSquares},
      {"wasserstein", kWasserstein},
      {"f_kl", kForwardKl},
      {"f_reverse_kl", kReverseKl},
      {"f_jensen_shannon", kJensenShannon},
      {"f_pearson", kPearson},
      {"f_squared_hellinger", kSquaredHellinger},
  };
  return table;
}

const std::map<std::string, PenaltyKind>& penalties() {
  static const std::map<std::string, PenaltyKind> table = {
      {"r1", kR1},
      {"r2", kR2},
      {"gradient_penalty", kGradientPenalty},
      {"dragan", kDragan},
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
  if (const auto* aae = std::get_if<config::Aae>(&config.family))
    return make_aae(config, *aae, data, errors);
  if (const auto* infovae = std::get_if<config::InfoVae>(&config.family))
    return make_infovae(config, *infovae, data, errors);
  if (const auto* wae = std::get_if<config::WaeMmd>(&config.family))
    return make_wae_mmd(config, *wae, data, errors);
  if (const auto* wae = std::get_if<config::WaeGan>(&config.family))
    return make_wae_gan(config, *wae, data, errors);
  if (const auto* fit = std::get_if<config::Fit>(&config.family))
    return make_fit(config, *fit, data, errors);
  return nullptr;  // reported by config::load
}

}  // namespace allmodes::objectives
