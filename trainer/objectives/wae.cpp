// Wasserstein autoencoders (Tolstikhin et al., arXiv 1711.01558): reconstruction + lambda times a
// divergence of the aggregate posterior from the prior, by an MMD (algorithm 2) or by a
// discriminator of codes (algorithm 1). The paper's cost |x - y|^2 is the Gaussian likelihood of
// variance 0.5.

#include <ATen/TensorOperators.h>

#include "objectives/adversary.h"
#include "objectives/matching.h"
#include "objectives/mmd.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

class WaeMmd final : public MatchingAutoencoder {
 public:
  WaeMmd(const config::WaeMmd& wae, AutoencoderCore core)
      : MatchingAutoencoder(std::move(core)),
        lambda_(wae.lambda),
        kernel_(make_kernel(wae.kernel, wae.latent)) {
    Phase phase{.name = "wae", .trains = {"encoder", "decoder"}, .noise = comparison_noise()};
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    phases_ = {phase};
  }

 private:
  PhaseOutput losses(const PhaseInput& in) const {
    const at::Tensor z = codes(in).z;
    PhaseOutput out;
    reconstruct(in, z, out);
    out.losses.push_back({"mmd", squared_mmd(z, in.noise("prior"), kernel_, in.coupling), lambda_});
    return out;
  }

  double lambda_;
  KernelFunction kernel_;
};

class WaeGan final : public MatchingAutoencoder {
 public:
  WaeGan(const config::WaeGan& wae, AutoencoderCore core, networks::Plan discriminator,
         int64_t batch)
      : MatchingAutoencoder(std::move(core)),
        lambda_(wae.lambda),
        adversary_(wae, {wae.latent.dimension}, discriminator, batch) {
    networks_.push_back(discriminator_spec(wae, std::move(discriminator)));
    phases_ = adversary_.phases([this](const PhaseInput& in) { return contest(in); },
                                comparison_noise(), {"encoder"});
    phases_.push_back(autoencoder_phase());
  }

 private:
  // Encoder and decoder in one update, on the discriminator's batch.
  Phase autoencoder_phase() const {
    Phase phase{.name = "wae",
                .trains = {"encoder", "decoder"},
                .reads_samples = false,
                .noise = comparison_noise(kDiscriminator)};
    for (auto& more : adversary_.opponent_noise()) phase.noise.push_back(more);
    phase.losses = [this](const PhaseInput& in) {
      const Contest codes = contest(in);
      PhaseOutput out;
      reconstruct(in, codes.fake, out);
      out.losses.push_back({"code", adversary_.opponent_loss(in, codes), lambda_});
      return out;
    };
    return phase;
  }

  double lambda_;
  Adversary adversary_;
};

std::unique_ptr<Objective> make_wae_mmd(const config::RunConfig& config, const DataFacts& data,
                                        std::vector<ConfigurationError>& errors) {
  const auto& wae = std::get<config::WaeMmd>(config.family);
  const size_t before = errors.size();
  check_mmd_batch(config, errors);
  auto core = AutoencoderCore::plan(wae, {.path = "wae_mmd", .encoder = encoder_of(wae.posterior)},
                                    data, errors);
  if (errors.size() > before || !core) return nullptr;
  return std::make_unique<WaeMmd>(wae, std::move(*core));
}

std::unique_ptr<Objective> make_wae_gan(const config::RunConfig& config, const DataFacts& data,
                                        std::vector<ConfigurationError>& errors) {
  const auto& wae = std::get<config::WaeGan>(config.family);
  const size_t before = errors.size();
  check_adversarial(wae, "wae_gan", errors, {wae.latent.dimension});
  auto core = AutoencoderCore::plan(wae, {.path = "wae_gan", .encoder = encoder_of(wae.posterior)},
                                    data, errors);
  auto discriminator = plan_code_discriminator(wae, "wae_gan", wae.latent, errors);
  if (errors.size() > before || !core || !discriminator) return nullptr;
  return std::make_unique<WaeGan>(wae, std::move(*core), std::move(*discriminator), config.batch);
}

}  // namespace

extern const FamilyRow kWaeMmdFamily{.name = config::WaeMmd::kBlock.name, .make = make_wae_mmd};
extern const FamilyRow kWaeGanFamily{.name = config::WaeGan::kBlock.name, .make = make_wae_gan};

}  // namespace allmodes::objectives
