// InfoVAE (Zhao, Song and Ermon, arXiv 1706.02262, equation 6 with the MMD of section 3.2 as the
// divergence of the aggregate posterior from the prior). alpha 0, lambda 1 is the VAE; alpha 1 has
// no term for a single sample's posterior.

#include <ATen/TensorOperators.h>

#include "objectives/matching.h"
#include "objectives/mmd.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

class InfoVae final : public MatchingAutoencoder {
 public:
  InfoVae(const config::InfoVae& infovae, AutoencoderCore core)
      : MatchingAutoencoder(std::move(core)),
        kl_weight_(1 - infovae.alpha),
        mmd_weight_(infovae.alpha + infovae.lambda - 1),
        kernel_(make_kernel(infovae.kernel, infovae.latent)) {
    Phase phase{.name = "infovae", .trains = {"encoder", "decoder"}, .noise = comparison_noise()};
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    phases_ = {phase};
  }

 private:
  // Reconstruction + (1 - alpha) E_x KL(q(z|x) || p(z)) + (alpha + lambda - 1) MMD^2(q(z), p(z)).
  PhaseOutput losses(const PhaseInput& in) const {
    const auto [posterior, z] = codes(in);
    PhaseOutput out;
    reconstruct(in, z, out);
    if (kl_weight_ != 0)
      out.losses.push_back({"kl", kl_to_normal(posterior).sum(1).mean(), kl_weight_});
    if (mmd_weight_ != 0)
      out.losses.push_back(
          {"mmd", squared_mmd(z, in.noise("prior"), kernel_, in.coupling), mmd_weight_});
    return out;
  }

  double kl_weight_;
  double mmd_weight_;
  KernelFunction kernel_;
};

std::unique_ptr<Objective> make_infovae(const config::RunConfig& config, const DataFacts& data,
                                        std::vector<ConfigurationError>& errors) {
  const auto& infovae = std::get<config::InfoVae>(config.family);
  const size_t before = errors.size();
  check_mmd_batch(config, errors);
  if (infovae.alpha > 1)
    errors.push_back({"infovae.alpha", "above 1 the KL term would be rewarded; 1 leaves it out"});
  if (infovae.alpha + infovae.lambda < 1) {
    errors.push_back({"infovae.lambda",
                      "alpha + lambda - 1 is the weight of the MMD, which must not be negative"});
  }
  if (infovae.alpha != 1 && infovae.latent.distribution != "normal") {
    errors.push_back({"infovae.latent.distribution",
                      "the KL term has its closed form for the prior 'normal' only; alpha: 1 "
                      "leaves it out"});
  }
  auto core = AutoencoderCore::plan(infovae, {.path = "infovae"}, data, errors);
  if (errors.size() > before || !core) return nullptr;
  return std::make_unique<InfoVae>(infovae, std::move(*core));
}

}  // namespace

extern const FamilyRow kInfoVaeFamily{.name = config::InfoVae::kBlock.name, .make = make_infovae};

}  // namespace allmodes::objectives
