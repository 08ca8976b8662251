// Generative adversarial networks (Goodfellow et al., arXiv 1406.2661).

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include "config/load.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

class Gan final : public Objective {
 public:
  Gan(const config::Gan& gan, networks::Plan generator, networks::Plan discriminator)
      : gan_(gan), loss_(gan_losses().at(gan.loss)) {
    networks_ = {{"generator", std::move(generator), gan.generator_optimizer},
                 {"discriminator", std::move(discriminator), gan.discriminator_optimizer}};
    for (int64_t i = 0; i < gan.discriminator_steps; ++i)
      phases_.push_back(discriminator_phase(i, i + 1 == gan.discriminator_steps));
    for (size_t i = 0; i < gan.penalty.size(); ++i)
      if (gan.penalty[i].interval > 1) phases_.push_back(lazy_phase(i));
    phases_.push_back(generator_phase());
  }

  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return gan_.latent; }
  std::string generator() const override { return "generator"; }
  at::Tensor generate(const Forward& forward, const at::Tensor& latent) const override {
    return forward("generator", latent);
  }

 private:
  NoiseInput latent_noise(const std::string& name) const {
    return {"latent/" + name,
            {gan_.latent.dimension},
            gan_.latent.distribution == "uniform" ? "uniform_symmetric" : "normal"};
  }

  static at::Tensor discriminate(const PhaseInput& in, const at::Tensor& x) {
    return in.forward("discriminator", x);
  }

  at::Tensor fakes(const PhaseInput& in) const {
    const at::NoGradGuard no_grad;
    return generate(in.forward, in.noise[0]);
  }

  LossTerm penalty(size_t index, const PhaseInput& in, const at::Tensor& fake, double gain) const {
    const config::Penalty& settings = gan_.penalty[index];
    const auto value = penalties().at(settings.kind)(
        [&in](const at::Tensor& x) { return discriminate(in, x); }, in.samples, fake, in.noise[1]);
    return {settings.kind, value, settings.weight * gain};
  }

  Phase discriminator_phase(int64_t index, bool last) const {
    Phase phase{.name = last ? "discriminator" : "discriminator_" + std::to_string(index),
                .trains = {"discriminator"}};
    phase.noise = {latent_noise(phase.name)};
    const bool penalized = std::any_of(gan_.penalty.begin(), gan_.penalty.end(),
                                       [](const auto& p) { return p.interval == 1; });
    if (penalized) phase.noise.push_back({"mix/" + phase.name, {1}, "uniform"});
    phase.losses = [this](const PhaseInput& in) {
      const at::Tensor fake = fakes(in);
      const at::Tensor real_score = discriminate(in, in.samples);
      const at::Tensor fake_score = discriminate(in, fake);
      PhaseOutput out;
      out.losses.push_back({"discriminator", loss_.discriminator(real_score, fake_score)});
      for (size_t i = 0; i < gan_.penalty.size(); ++i)
        if (gan_.penalty[i].interval == 1) out.losses.push_back(penalty(i, in, fake, 1.0));
      out.observations = {{"d_real", real_score.detach().sigmoid().mean()},
                          {"d_fake", fake_score.detach().sigmoid().mean()}};
      return out;
    };
    return phase;
  }

  // A penalty of interval k runs every k-th step at k times the weight (Karras et al., arXiv
  // 1912.04958, section 3.1).
  Phase lazy_phase(size_t index) const {
    const config::Penalty& settings = gan_.penalty[index];
    Phase phase{.name = settings.kind,
                .trains = {"discriminator"},
                .reads_samples = false,
                .interval = settings.interval};
    phase.noise = {latent_noise(phase.name), {"mix/" + phase.name, {1}, "uniform"}};
    phase.losses = [this, index,
                    gain = static_cast<double>(settings.interval)](const PhaseInput& in) {
      PhaseOutput out;
      out.losses.push_back(penalty(index, in, fakes(in), gain));
      return out;
    };
    return phase;
  }

  Phase generator_phase() const {
    Phase phase{.name = "generator", .trains = {"generator"}, .reads_samples = false};
    phase.noise = {latent_noise(phase.name)};
    phase.losses = [this](const PhaseInput& in) {
      PhaseOutput out;
      out.generated = generate(in.forward, in.noise[0]);
      out.losses.push_back({"generator", loss_.generator(discriminate(in, out.generated))});
      return out;
    };
    return phase;
  }

  config::Gan gan_;
  GanLoss loss_;
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

}  // namespace

std::unique_ptr<Objective> make_gan(const config::RunConfig&, const config::Gan& gan,
                                    const data::SampleShape& shape,
                                    std::vector<ConfigurationError>& errors) {
  const size_t before = errors.size();
  if (!gan_losses().contains(gan.loss))
    errors.push_back({"gan.loss", config::unknown_name("loss", gan.loss, names_of(gan_losses()))});
  for (size_t i = 0; i < gan.penalty.size(); ++i) {
    if (!penalties().contains(gan.penalty[i].kind))
      errors.push_back(
          {fmt::format("gan.penalty[{}].kind", i),
           config::unknown_name("penalty", gan.penalty[i].kind, names_of(penalties()))});
  }
  const networks::Shape sample = network_shape(shape);
  auto generator = plan_network(gan.generator, "gan.generator", {gan.latent.dimension}, sample,
                                networks::Role::kGenerator, shape.image ? "tanh" : "none", errors);
  auto discriminator = plan_network(gan.discriminator, "gan.discriminator", sample, {1},
                                    networks::Role::kDiscriminator, "none", errors);
  if (errors.size() > before || !generator || !discriminator) return nullptr;
  return std::make_unique<Gan>(gan, std::move(*generator), std::move(*discriminator));
}

}  // namespace allmodes::objectives
