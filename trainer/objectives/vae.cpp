// Variational autoencoder (Kingma and Welling, arXiv 1312.6114); beta weights the KL term (Higgins
// et al., ICLR 2017).

#include <ATen/TensorOperators.h>
#include "config/load.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

class Vae final : public Objective {
 public:
  Vae(const config::Vae& vae, networks::Plan encoder, networks::Plan decoder)
      : vae_(vae), likelihood_(likelihoods().at(vae.likelihood)) {
    networks_ = {{"encoder", std::move(encoder), vae.optimizer},
                 {"decoder", std::move(decoder), vae.optimizer}};
    Phase phase{.name = "elbo", .trains = {"encoder", "decoder"}};
    phase.noise = {{"posterior", {vae.latent.dimension}, "normal"}};
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    phases_ = {phase};
  }

  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return vae_.latent; }
  std::string generator() const override { return "decoder"; }

  at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                      const at::Tensor&) const override {
    return likelihood_.mean(forward("decoder", latent));
  }

  bool encodes() const override { return true; }

  Posterior encode(const Forward& forward, const at::Tensor& samples,
                   const at::Tensor&) const override {
    const auto halves = forward("encoder", samples).chunk(2, 1);
    return {halves[0], halves[1]};
  }

 private:
  // -ELBO in nats a sample: reconstruction + beta * KL(q(z|x) || N(0, I)), the KL in closed form
  // 1/2 sum_j (mu^2 + sigma^2 - ln sigma^2 - 1).
  PhaseOutput losses(const PhaseInput& in) const {
    const Posterior q = encode(in.forward, in.samples, in.labels);
    const at::Tensor variance = q.log_variance.exp();
    const at::Tensor z = q.mean + (q.log_variance * 0.5).exp() * in.noise("posterior");
    const at::Tensor output = in.forward("decoder", z);
    const at::Tensor kl =
        (q.mean.square() + variance - q.log_variance - 1).sum() * (0.5 / double(z.size(0)));
    PhaseOutput out;
    out.losses = {{"reconstruction", likelihood_.reconstruction(output, in.samples, vae_.variance)},
                  {"kl", kl, vae_.beta}};
    out.generated = likelihood_.mean(output.detach());
    return out;
  }

  config::Vae vae_;
  Likelihood likelihood_;
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

}  // namespace

std::unique_ptr<Objective> make_vae(const config::RunConfig&, const config::Vae& vae,
                                    const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  const size_t before = errors.size();
  if (!likelihoods().contains(vae.likelihood)) {
    errors.push_back({"vae.likelihood",
                      config::unknown_name("likelihood", vae.likelihood, names_of(likelihoods()))});
  } else if (vae.likelihood == "bernoulli" && !data.shape.image) {
    errors.push_back({"vae.likelihood",
                      "a Bernoulli likelihood needs images (values in [-1, 1]); use \"gaussian\"", true});
  }
  const networks::Shape sample = network_shape(data.shape);
  auto encoder = plan_network(vae.encoder,
                              {.path = "vae.encoder",
                               .input = sample,
                               .output = {2 * vae.latent.dimension},
                               .role = networks::Role::kEncoder},
                              errors);
  auto decoder = plan_network(vae.decoder,
                              {.path = "vae.decoder",
                               .input = {vae.latent.dimension},
                               .output = sample,
                               .role = networks::Role::kDecoder},
                              errors);
  if (errors.size() > before || !encoder || !decoder) return nullptr;
  return std::make_unique<Vae>(vae, std::move(*encoder), std::move(*decoder));
}

}  // namespace allmodes::objectives
