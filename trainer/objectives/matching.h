#pragma once

// What the families that match the aggregate posterior to the prior share: an autoencoder, one code
// a sample, and a prior sample beside it. A family's own file adds how the two are compared.

#include <string>
#include <vector>

#include "objectives/autoencoder.h"
#include "objectives/kernel.h"
#include "objectives/presentation.h"

namespace allmodes::objectives {

// "deterministic" or "gaussian", as config/rules.h accepts.
Encoder encoder_of(const std::string& posterior);

class MatchingAutoencoder : public AutoencoderFamily {
 protected:
  using AutoencoderFamily::AutoencoderFamily;

  // One code a sample of the phase, and the posterior that it is drawn from.
  struct Codes {
    Posterior posterior;
    at::Tensor z;  // [n, latent]
  };
  Codes codes(const PhaseInput& in) const;
  // Those beside samples of the prior, where a discriminator is to tell the two apart. What the
  // discriminator's phase handed on is not computed again.
  Contest contest(const PhaseInput& in) const;
  // The noise that codes() takes, and what a comparison takes, with the prior's samples "prior".
  // `drawn_by`: as in that phase.
  std::vector<NoiseInput> coding_noise() const;
  std::vector<NoiseInput> comparison_noise(const std::string& drawn_by = {}) const;

  // Adds the reconstruction of the samples from `z`, and what it generated.
  void reconstruct(const PhaseInput& in, const at::Tensor& z, PhaseOutput& out) const;
};

// The discriminator of codes, or nothing with its errors added under `path`.
std::optional<networks::Plan> plan_code_discriminator(const config::Adversarial& settings,
                                                      const std::string& path,
                                                      const config::Latent& latent,
                                                      std::vector<ConfigurationError>& errors);

// Adds to `errors` what an MMD of the global batch cannot do with: a batch of one, and
// microbatches.
void check_mmd_batch(const config::RunConfig& config, std::vector<ConfigurationError>& errors);

}  // namespace allmodes::objectives
