#pragma once

// The discriminator's side of every adversarial family: the phases that train it, and the loss of
// the player that it judges. A GAN's discriminator sees samples, an adversarial autoencoder's
// codes.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "objectives/lecam.h"
#include "objectives/objective.h"
#include "objectives/presentation.h"
#include "objectives/registry.h"

namespace allmodes::objectives {

// The network, and the last phase of a step that trains it on its loss.
inline constexpr const char* kDiscriminator = "discriminator";

class Adversary {
 public:
  // Makes a phase's contest from its samples and noise. Of what it is in a phase that trains the
  // discriminator no gradient is taken.
  using Stage = std::function<Contest(const PhaseInput& in)>;

  // `settings` were accepted by check_adversarial(). `compared` is the shape of a sample (or code)
  // in a contest, without packing: what takes noise of that shape needs it. `batch`: samples a
  // step, which schedules over samples count.
  Adversary(const config::Adversarial& settings, networks::Shape compared,
            const networks::Plan& discriminator, int64_t batch);

  // The phases of one step that train the discriminator, on `noise` and what the losses add to it:
  // discriminator_steps of them, then one a penalty of a longer interval. They refer to this
  // object. The last of the steps hands on contest.fake, made by the networks `player`.
  std::vector<Phase> phases(const Stage& stage, const std::vector<NoiseInput>& noise,
                            const std::vector<std::string>& player = {}) const;

  // What the other player minimizes: differentiable in contest.fake. Its phase lists
  // opponent_noise() besides its own. With unrolled_steps it is the loss against the discriminator
  // that so many of its steps on this very contest would make, and its gradient goes through them.
  at::Tensor opponent_loss(const PhaseInput& in, const Contest& contest) const;
  std::vector<NoiseInput> opponent_noise() const;

 private:
  // Networks see one set of weights at a time: their own, or simulated ones.
  using Weights = std::span<const at::Tensor>;

  at::Tensor discriminate(const PhaseInput& in, const at::Tensor& x, const at::Tensor& labels,
                          Weights weights) const;
  Scores scores(const PhaseInput& in, const Contest& shown, Weights weights) const;
  at::Tensor discriminator_loss(const Scores& scores) const;
  // Those computed in every step.
  std::vector<LossTerm> penalties_on(const PhaseInput& in, const Contest& shown,
                                     const Scores& found, Weights weights) const;
  // `found`: scores of what is shown, with their graph, or undefined ones.
  LossTerm penalty(size_t index, const PhaseInput& in, const Contest& shown, const Scores& found,
                   Weights weights) const;
  std::vector<at::Tensor> look_ahead(const PhaseInput& in, const Contest& shown) const;
  // What is shown, so that penalties on the gradient at reals or fakes themselves may take the
  // scores that the loss is of.
  Contest ready_for_penalties(const PhaseInput& in, Contest shown) const;
  // Penalties by their place in the settings: of interval 1.
  std::vector<size_t> every_step_penalties() const;
  std::vector<NoiseInput> penalty_noise(const std::vector<size_t>& chosen) const;
  std::vector<NoiseInput> every_step_noise() const;
  Phase discriminator_phase(std::string name, const Stage& stage, std::vector<NoiseInput> noise,
                            const std::vector<std::string>& player) const;
  Phase lazy_phase(size_t index, const Stage& stage, std::vector<NoiseInput> noise) const;

  config::Adversarial settings_;
  GanLoss loss_;
  Presentation presentation_;
  bool together_;  // the discriminator may see reals and fakes as one batch
  std::optional<LeCam> lecam_;
  int64_t batch_;
};

// The learning rate of a simulated step is the discriminator optimizer's times this. The paper's
// equations descend along the gradient itself, while Adam divides it by its running magnitude, so
// the same rate would simulate next to nothing. Too large a factor undoes the remedy: with 30, and
// with 100, all samples of ring_unrolled.txtpb are at one mode within 1,000 steps.
inline constexpr double kUnrolledRateFactor = 10;

// The discriminator as a family lists it: with discriminator_optimizer(), and with the running
// means that its regularization keeps.
NetworkSpec discriminator_spec(const config::Adversarial& settings, networks::Plan plan);

// The discriminator's optimizer as it is run. A penalty of interval k > 1 is an update of its own
// in every k-th step, so that n steps of the discriminator come with m = n + (sum of 1 / k)
// updates. With c = n / m the rate is multiplied by c and both decay rates are raised to the power
// c: over a step the optimizer then moves as far, and forgets as much, as with penalties of
// interval 1 (Karras et al., arXiv 1912.04958, appendix B, "Lazy regularization", for one penalty
// and n = 1).
config::Optimizer discriminator_optimizer(const config::Adversarial& settings);

// Adds to `errors` what is refused in `settings`: names that are not known, and what does not go
// together; `path` is the family's ("gan"), `compared` the shape of a sample (or code).
void check_adversarial(const config::Adversarial& settings, const std::string& path,
                       std::vector<ConfigurationError>& errors,
                       const networks::Shape& compared = {});

}  // namespace allmodes::objectives
