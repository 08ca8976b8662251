// Variational autoencoder (Kingma and Welling, arXiv 1312.6114); beta weights the KL term (Higgins
// et al., ICLR 2017).

#include <ATen/TensorOperators.h>

#include "objectives/autoencoder.h"

namespace allmodes::objectives {
namespace {

class Vae final : public Objective {
 public:
  Vae(const config::Vae& vae, AutoencoderCore core) : vae_(vae), core_(std::move(core)) {
    Phase phase{.name = "elbo", .trains = {"encoder", "decoder"}};
    phase.noise = {posterior_noise("posterior", vae.latent)};
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    phases_ = {phase};
  }

  const std::vector<NetworkSpec>& networks() const override { return core_.networks(); }
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

 private:
  // -ELBO in nats a sample: reconstruction + beta * KL(q(z|x) || N(0, I)).
  PhaseOutput losses(const PhaseInput& in) const {
    const Posterior q = encode(in.forward, in.samples, in.labels);
    const at::Tensor z = sample_posterior(q, in.noise("posterior"));
    const at::Tensor output = core_.decode(in.forward, z, in.labels);
    PhaseOutput out;
    out.losses = {{"reconstruction", core_.reconstruction(output, in.samples)},
                  {"kl", kl_to_normal(q).sum(1).mean(), vae_.beta}};
    out.generated = core_.mean(output.detach());
    return out;
  }

  config::Vae vae_;
  AutoencoderCore core_;
  std::vector<Phase> phases_;
};

}  // namespace

std::unique_ptr<Objective> make_vae(const config::RunConfig&, const config::Vae& vae,
                                    const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  auto core =
      AutoencoderCore::plan(vae, {.path = "vae", .conditional = vae.conditional}, data, errors);
  if (!core) return nullptr;
  return std::make_unique<Vae>(vae, std::move(*core));
}

}  // namespace allmodes::objectives
