#pragma once

// The discriminator's side of every adversarial family: the phases that train it, and the loss of
// the player that it judges. A GAN's discriminator sees samples, an adversarial autoencoder's codes.

#include <functional>
#include <string>
#include <vector>

#include "objectives/objective.h"
#include "objectives/registry.h"

namespace allmodes::objectives {

// What the discriminator compares, [n, ...] each, of the same samples' rows.
struct Contest {
  at::Tensor real;
  at::Tensor fake;
};

class Adversary {
 public:
  // Makes a phase's contest from its samples and noise; in a phase that trains the discriminator
  // without gradients.
  using Stage = std::function<Contest(const PhaseInput& in)>;

  // `settings` were accepted by check_adversarial().
  explicit Adversary(const config::Adversarial& settings);

  // The phases of one step that train the discriminator, on `noise` and what the losses add to it:
  // discriminator_steps of them, then one a penalty of a longer interval.
  std::vector<Phase> phases(const Stage& stage, const std::vector<NoiseInput>& noise) const;

  // What the other player minimizes: differentiable in contest.fake.
  at::Tensor opponent_loss(const PhaseInput& in, const Contest& contest) const;

 private:
  at::Tensor discriminate(const PhaseInput& in, const at::Tensor& x) const;
  LossTerm penalty(size_t index, const PhaseInput& in, const Contest& contest, double gain) const;
  Phase discriminator_phase(int64_t index, const Stage& stage, std::vector<NoiseInput> noise) const;
  Phase lazy_phase(size_t index, const Stage& stage, std::vector<NoiseInput> noise) const;

  config::Adversarial settings_;
  GanLoss loss_;
};

// Adds to `errors` the names in `settings` that are not known; `path` is the family's ("gan").
void check_adversarial(const config::Adversarial& settings, const std::string& path,
                       std::vector<ConfigurationError>& errors);

}  // namespace allmodes::objectives
