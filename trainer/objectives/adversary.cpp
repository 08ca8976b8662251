#include "objectives/adversary.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "config/load.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kDiscriminator = "discriminator";
// Shares of reals and fakes in a penalty's points between them.
constexpr const char* kMix = "mix";

Contest without_gradient(const Adversary::Stage& stage, const PhaseInput& in) {
  const at::NoGradGuard no_grad;
  return stage(in);
}

}  // namespace

Adversary::Adversary(const config::Adversarial& settings)
    : settings_(settings), loss_(gan_losses().at(settings.loss)) {}

std::vector<Phase> Adversary::phases(const Stage& stage,
                                     const std::vector<NoiseInput>& noise) const {
  std::vector<Phase> phases;
  for (int64_t i = 0; i < settings_.discriminator_steps; ++i)
    phases.push_back(discriminator_phase(i, stage, noise));
  for (size_t i = 0; i < settings_.penalty.size(); ++i)
    if (settings_.penalty[i].interval > 1) phases.push_back(lazy_phase(i, stage, noise));
  return phases;
}

at::Tensor Adversary::opponent_loss(const PhaseInput& in, const Contest& contest) const {
  return loss_.generator(discriminate(in, contest.fake));
}

at::Tensor Adversary::discriminate(const PhaseInput& in, const at::Tensor& x) const {
  return in.forward(kDiscriminator, x);
}

LossTerm Adversary::penalty(size_t index, const PhaseInput& in, const Contest& contest,
                            double gain) const {
  const config::Penalty& settings = settings_.penalty[index];
  const auto value =
      penalties().at(settings.kind)([&](const at::Tensor& x) { return discriminate(in, x); },
                                    contest.real, contest.fake, in.noise(kMix));
  return {settings.kind, value, settings.weight * gain};
}

Phase Adversary::discriminator_phase(int64_t index, const Stage& stage,
                                     std::vector<NoiseInput> noise) const {
  const bool last = index + 1 == settings_.discriminator_steps;
  Phase phase{.name = last ? kDiscriminator : fmt::format("{}_{}", kDiscriminator, index),
              .trains = {kDiscriminator},
              .noise = std::move(noise)};
  if (std::ranges::any_of(settings_.penalty, [](const auto& p) { return p.interval == 1; }))
    phase.noise.push_back({kMix, {1}, "uniform"});
  phase.losses = [this, stage](const PhaseInput& in) {
    const Contest contest = without_gradient(stage, in);
    const at::Tensor real = discriminate(in, contest.real);
    const at::Tensor fake = discriminate(in, contest.fake);
    PhaseOutput out;
    out.losses.push_back({kDiscriminator, loss_.discriminator(real, fake)});
    for (size_t i = 0; i < settings_.penalty.size(); ++i)
      if (settings_.penalty[i].interval == 1) out.losses.push_back(penalty(i, in, contest, 1.0));
    out.observations = {{"d_real", real.detach().sigmoid().mean()},
                        {"d_fake", fake.detach().sigmoid().mean()}};
    return out;
  };
  return phase;
}

// A penalty of interval k runs every k-th step at k times the weight (Karras et al., arXiv
// 1912.04958, section 3.1).
Phase Adversary::lazy_phase(size_t index, const Stage& stage, std::vector<NoiseInput> noise) const {
  const config::Penalty& settings = settings_.penalty[index];
  Phase phase{.name = settings.kind,
              .trains = {kDiscriminator},
              .reads_samples = false,
              .interval = settings.interval,
              .noise = std::move(noise)};
  phase.noise.push_back({kMix, {1}, "uniform"});
  phase.losses = [this, index, stage,
                  gain = static_cast<double>(settings.interval)](const PhaseInput& in) {
    PhaseOutput out;
    out.losses.push_back(penalty(index, in, without_gradient(stage, in), gain));
    return out;
  };
  return phase;
}

void check_adversarial(const config::Adversarial& settings, const std::string& path,
                       std::vector<ConfigurationError>& errors) {
  if (!gan_losses().contains(settings.loss))
    errors.push_back(
        {path + ".loss", config::unknown_name("loss", settings.loss, names_of(gan_losses()))});
  for (size_t i = 0; i < settings.penalty.size(); ++i) {
    const auto& kind = settings.penalty[i].kind;
    if (!penalties().contains(kind))
      errors.push_back({fmt::format("{}.penalty[{}].kind", path, i),
                        config::unknown_name("penalty", kind, names_of(penalties()))});
  }
}

}  // namespace allmodes::objectives
