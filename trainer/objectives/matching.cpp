#include "objectives/matching.h"

#include "config/families.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kPosteriorNoise = "posterior";
constexpr const char* kPrior = "prior";

}  // namespace

Encoder encoder_of(const std::string& posterior) {
  return posterior == "gaussian" ? Encoder::kGaussian : Encoder::kDeterministic;
}

MatchingAutoencoder::Codes MatchingAutoencoder::codes(const PhaseInput& in) const {
  const Posterior posterior = encode(in.forward, in.samples, in.labels);
  if (!posterior.log_variance.defined()) return {posterior, posterior.mean};
  return {posterior, sample_posterior(posterior, in.noise(kPosteriorNoise))};
}

std::vector<NoiseInput> MatchingAutoencoder::coding_noise() const {
  if (networks_[0].plan.output[0] == latent().dimension) return {};  // deterministic
  return {posterior_noise(kPosteriorNoise, latent())};
}

Contest MatchingAutoencoder::contest(const PhaseInput& in) const {
  return {in.noise(kPrior), in.handed_on.empty() ? codes(in).z : in.handed_on[0]};
}

std::vector<NoiseInput> MatchingAutoencoder::comparison_noise(const std::string& drawn_by) const {
  std::vector<NoiseInput> noise = coding_noise();
  noise.push_back(latent_noise(kPrior, latent()));
  for (auto& each : noise) each.drawn_by = drawn_by;
  return noise;
}

void MatchingAutoencoder::reconstruct(const PhaseInput& in, const at::Tensor& z,
                                      PhaseOutput& out) const {
  const at::Tensor output = core_.decode(in.forward, z, in.labels);
  out.losses.push_back({"reconstruction", core_.reconstruction(output, in.samples)});
  out.generated = core_.mean(output.detach());
}

std::optional<networks::Plan> plan_code_discriminator(const config::Adversarial& settings,
                                                      const std::string& path,
                                                      const config::Latent& latent,
                                                      std::vector<ConfigurationError>& errors) {
  return plan_network(settings.discriminator,
                      {.path = path + ".discriminator",
                       .input = shown_shape(settings, {latent.dimension}),
                       .output = {1},
                       .role = networks::Role::kDiscriminator},
                      errors);
}

void check_mmd_batch(const config::RunConfig& config, std::vector<ConfigurationError>& errors) {
  if (config.batch < 2)
    errors.push_back({"batch", "an MMD compares samples of one batch: it needs two at least"});
  if (config::backward_passes(config) > 1) {
    errors.push_back(
        {config.microbatches > 1 ? "microbatches" : "deterministic_shards",
         "the MMD would be that of a part of the batch only: leave it out, or use an adversarial "
         "family (aae, wae_gan)"});
  }
}

}  // namespace allmodes::objectives
