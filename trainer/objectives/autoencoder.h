#pragma once

// What every family with an encoder and a decoder is made of: the two networks, the posterior, its
// samples, the decoder's likelihood. A family's own file adds what its codes have to match.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "objectives/objective.h"
#include "objectives/registry.h"

namespace allmodes::objectives {

enum class Encoder {
  kDeterministic,  // one output a latent dimension: the code
  kGaussian,       // two: mean and log-variance of a diagonal Gaussian
};

// What the configuration's autoencoder block does not say.
struct AutoencoderTraits {
  std::string path;  // the family's block: "vae"
  Encoder encoder = Encoder::kGaussian;
  bool conditional = false;  // both networks are given the samples' labels
};

class AutoencoderCore {
 public:
  using Posterior = Objective::Posterior;

  // Plans encoder and decoder for such data, or adds to `errors` everything that it refuses, under
  // the family's path: an unknown likelihood, one that does not fit the data, networks whose shapes
  // do not fit, conditioning without labels.
  static std::optional<AutoencoderCore> plan(const config::Autoencoder& settings,
                                             const AutoencoderTraits& traits, const DataFacts& data,
                                             std::vector<ConfigurationError>& errors);

  // "encoder" and "decoder".
  const std::vector<NetworkSpec>& networks() const { return networks_; }
  const config::Latent& latent() const { return settings_.latent; }
  bool conditional() const { return traits_.conditional; }

  // Mean and log-variance [n, latent]; the latter undefined for a deterministic encoder.
  Posterior encode(const Forward& forward, const at::Tensor& samples,
                   const at::Tensor& labels) const;
  // The decoder's output of the codes `z` [n, latent], of which the functions below make a
  // likelihood; not yet in the data's scale.
  at::Tensor decode(const Forward& forward, const at::Tensor& z, const at::Tensor& labels) const;
  // -ln p(samples | output) of each sample, [n], in nats (registry.h).
  at::Tensor negative_log_likelihood(const at::Tensor& output, const at::Tensor& samples) const;
  // Its mean over the batch.
  at::Tensor reconstruction(const at::Tensor& output, const at::Tensor& samples) const;
  // The mean of p(x | output), [n, sample shape...], in the data's scale.
  at::Tensor mean(const at::Tensor& output) const;
  // mean(decode()).
  at::Tensor generate(const Forward& forward, const at::Tensor& z, const at::Tensor& labels) const;

 private:
  AutoencoderCore(const config::Autoencoder& settings, AutoencoderTraits traits,
                  networks::Plan encoder, networks::Plan decoder);
  const at::Tensor& labels_for(const at::Tensor& labels) const;

  config::Autoencoder settings_;
  AutoencoderTraits traits_;
  Likelihood likelihood_;
  std::vector<NetworkSpec> networks_;
};

// A family that is an autoencoder as its objective: it adds its phases, and may add networks.
class AutoencoderFamily : public Objective {
 public:
  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return core_.latent(); }
  std::string generator() const override { return "decoder"; }
  bool conditional() const override { return core_.conditional(); }
  at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                      const at::Tensor& labels) const override {
    return core_.generate(forward, latent, labels);
  }
  bool encodes() const override { return true; }
  Posterior encode(const Forward& forward, const at::Tensor& samples,
                   const at::Tensor& labels) const override {
    return core_.encode(forward, samples, labels);
  }

 protected:
  explicit AutoencoderFamily(AutoencoderCore core)
      : core_(std::move(core)), networks_(core_.networks()) {}

  AutoencoderCore core_;
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

// The noise `name` that sample_posterior() takes: [n, dimension] of N(0, 1).
NoiseInput posterior_noise(const std::string& name, const config::Latent& latent);

// mean + deviation * noise (Kingma and Welling, arXiv 1312.6114, section 2.4); the mean itself for
// a deterministic encoder. `noise` may have dimensions before [n, latent], or between the two ([n,
// k, latent] with a posterior of [n, 1, latent]), that broadcast.
at::Tensor sample_posterior(const Objective::Posterior& posterior, const at::Tensor& noise);

// KL(q(z_j | x_i) || N(0, 1)) in nats, [n, latent]: 1/2 (mean^2 + variance - ln variance - 1).
at::Tensor kl_to_normal(const Objective::Posterior& posterior);

}  // namespace allmodes::objectives
