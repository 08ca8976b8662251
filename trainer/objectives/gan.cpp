// Generative adversarial networks (Goodfellow et al., arXiv 1406.2661).

#include "objectives/adversary.h"

namespace allmodes::objectives {
namespace {

class Gan final : public Objective {
 public:
  Gan(const config::Gan& gan, networks::Plan generator, networks::Plan discriminator)
      : gan_(gan), adversary_(gan) {
    networks_ = {{"generator", std::move(generator), gan.generator_optimizer},
                 {"discriminator", std::move(discriminator), gan.discriminator_optimizer}};
    phases_ = adversary_.phases([this](const PhaseInput& in) { return contest(in); }, noise());
    phases_.push_back(generator_phase());
  }

  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return gan_.latent; }
  std::string generator() const override { return "generator"; }
  at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                      const at::Tensor&) const override {
    return forward("generator", latent);
  }

 private:
  std::vector<NoiseInput> noise() const { return {latent_noise("latent", gan_.latent)}; }

  Contest contest(const PhaseInput& in) const {
    return {in.samples, generate(in.forward, in.noise("latent"), in.labels)};
  }

  Phase generator_phase() const {
    Phase phase{.name = "generator",
                .trains = {"generator"},
                .reads_samples = false,
                .noise = noise()};
    phase.losses = [this](const PhaseInput& in) {
      const Contest both = contest(in);
      PhaseOutput out;
      out.generated = both.fake;
      out.losses.push_back({"generator", adversary_.opponent_loss(in, both)});
      return out;
    };
    return phase;
  }

  config::Gan gan_;
  Adversary adversary_;
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

}  // namespace

std::unique_ptr<Objective> make_gan(const config::RunConfig&, const config::Gan& gan,
                                    const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  const size_t before = errors.size();
  check_adversarial(gan, "gan", errors);
  const networks::Shape sample = network_shape(data.shape);
  auto generator = plan_network(gan.generator,
                                {.path = "gan.generator",
                                 .input = {gan.latent.dimension},
                                 .output = sample,
                                 .role = networks::Role::kGenerator,
                                 .output_activation = data.shape.image ? "tanh" : "none"},
                                errors);
  auto discriminator = plan_network(gan.discriminator,
                                    {.path = "gan.discriminator",
                                     .input = sample,
                                     .output = {1},
                                     .role = networks::Role::kDiscriminator},
                                    errors);
  if (errors.size() > before || !generator || !discriminator) return nullptr;
  return std::make_unique<Gan>(gan, std::move(*generator), std::move(*discriminator));
}

}  // namespace allmodes::objectives
