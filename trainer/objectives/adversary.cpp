#include "objectives/adversary.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/anneal.h"
#include "objectives/unrolled.h"

namespace allmodes::objectives {
namespace {

// Shares of reals and fakes in a penalty's points between them.
constexpr const char* kMix = "mix";
constexpr const char* kDisturbance = "disturbance";

Contest without_gradient(const Adversary::Stage& stage, const PhaseInput& in) {
  const at::NoGradGuard no_grad;
  return stage(in);
}

// The contest as the discriminator sees it, and in `handed_on` its fakes as their player does, and
// what else is for the player.
Contest for_both(const Adversary::Stage& stage, const PhaseInput& in,
                 std::vector<at::Tensor>& handed_on) {
  Contest contest = stage(in);
  handed_on = std::exchange(contest.for_player, {});
  handed_on.insert(handed_on.begin(), std::exchange(contest.fake, contest.fake.detach()));
  return contest;
}

// Of scores on no scale of their own: the share that lie beyond all of the other's, in [0, 1].
at::Tensor apart(const Scores& scores) {
  const at::Tensor real = scores.real.detach(), fake = scores.fake.detach();
  const at::Tensor above = real.gt(fake.max()).to(at::kFloat).mean();
  const at::Tensor below = fake.lt(real.min()).to(at::kFloat).mean();
  return (above + below) / 2;
}

// The number of a penalty whose weight is annealed.
std::string weight_name(size_t penalty) {
  return fmt::format("penalty_weight_{}", penalty);
}

void append(std::vector<NoiseInput>& noise, const std::vector<NoiseInput>& more) {
  noise.insert(noise.end(), more.begin(), more.end());
}

}  // namespace

Adversary::Adversary(const config::Adversarial& settings, networks::Shape compared,
                     const networks::Plan& discriminator, int64_t batch)
    : settings_(settings),
      loss_(gan_losses().at(settings.loss)),
      presentation_(settings, std::move(compared), batch),
      together_(discriminator.takes_batches_together() && !loss_.compares),
      batch_(batch) {
  if (settings.lecam > 0) lecam_.emplace(discriminator);
}

NetworkSpec discriminator_spec(const config::Adversarial& settings, networks::Plan plan) {
  if (settings.lecam > 0) LeCam::add_buffers(plan, settings.lecam_decay);
  return {kDiscriminator, std::move(plan), discriminator_optimizer(settings)};
}

config::Optimizer discriminator_optimizer(const config::Adversarial& settings) {
  const auto steps = static_cast<double>(settings.discriminator_steps);
  double updates = steps;
  for (const auto& penalty : settings.penalty)
    if (penalty.interval > 1) updates += 1 / static_cast<double>(penalty.interval);
  config::Optimizer optimizer = settings.discriminator_optimizer;
  const double share = steps / updates;
  optimizer.learning_rate *= share;
  optimizer.last_learning_rate *= share;
  optimizer.beta1 = std::pow(optimizer.beta1, share);
  optimizer.beta2 = std::pow(optimizer.beta2, share);
  if (optimizer.last_beta2 > 0) optimizer.last_beta2 = std::pow(optimizer.last_beta2, share);
  return optimizer;
}

std::vector<Phase> Adversary::phases(const Stage& stage, const std::vector<NoiseInput>& noise,
                                     const std::vector<std::string>& player) const {
  std::vector<Phase> phases;
  for (int64_t i = 0; i < settings_.discriminator_steps; ++i) {
    const bool last = i + 1 == settings_.discriminator_steps;
    phases.push_back(
        discriminator_phase(last ? kDiscriminator : fmt::format("{}_{}", kDiscriminator, i), stage,
                            noise, last ? player : std::vector<std::string>()));
  }
  for (size_t i = 0; i < settings_.penalty.size(); ++i)
    if (settings_.penalty[i].interval > 1) phases.push_back(lazy_phase(i, stage, noise));
  return phases;
}

at::Tensor Adversary::opponent_loss(const PhaseInput& in, const Contest& contest) const {
  const bool unrolled = settings_.unrolled_steps > 0;
  Contest seen = contest;
  if (!unrolled && !loss_.compares) seen.real = at::Tensor();
  seen = presentation_.show(in, seen);
  const auto weights = unrolled ? look_ahead(in, seen) : std::vector<at::Tensor>();
  if (!loss_.compares) seen.real = at::Tensor();
  return loss_.generator(scores(in, seen, weights));
}

std::vector<NoiseInput> Adversary::opponent_noise() const {
  return settings_.unrolled_steps > 0 ? every_step_noise() : presentation_.noise();
}

std::vector<at::Tensor> Adversary::look_ahead(const PhaseInput& in, const Contest& shown) const {
  const auto loss = [&](Weights weights) {
    at::Tensor sum = discriminator_loss(scores(in, shown, weights));
    for (const LossTerm& term : penalties_on(in, shown, {}, weights)) sum = sum + term.weighted();
    return sum;
  };
  return unrolled_weights(in.forward.weights(kDiscriminator), settings_.unrolled_steps,
                          settings_.discriminator_optimizer.learning_rate * kUnrolledRateFactor,
                          loss, in.coupling);
}

at::Tensor Adversary::discriminate(const PhaseInput& in, const at::Tensor& x,
                                   const at::Tensor& labels, Weights weights) const {
  return in.forward.with(kDiscriminator, weights, x, labels);
}

// Reals and fakes as one batch where that is the same: half the operators, and twice the rows of a
// matrix product. Not where one of them needs a gradient, which would pass through the other too,
// nor for a loss of differences of their scores: there the gradients of both cancel, to the last
// bit only if they are added up apart.
Scores Adversary::scores(const PhaseInput& in, const Contest& shown, Weights weights) const {
  if (together_ && shown.real.defined() && !shown.real.requires_grad() &&
      !shown.fake.requires_grad()) {
    const auto twice = [](const at::Tensor& x) { return x.defined() ? at::cat({x, x}) : x; };
    const at::Tensor both =
        discriminate(in, at::cat({shown.real, shown.fake}), twice(shown.labels), weights);
    const int64_t reals = shown.real.size(0);
    return {both.narrow(0, 0, reals), both.narrow(0, reals, both.size(0) - reals)};
  }
  const auto score = [&](const at::Tensor& x) {
    return x.defined() ? discriminate(in, x, shown.labels, weights) : x;
  };
  const at::Tensor real = score(shown.real), fake = score(shown.fake);
  if (!real.defined() || !loss_.compares) return {real, fake};
  return {repeat_rows(real, fake.size(0)), fake};
}

at::Tensor Adversary::discriminator_loss(const Scores& scores) const {
  return loss_.discriminator(scores, 1 - settings_.label_smoothing);
}

Contest Adversary::ready_for_penalties(const PhaseInput& in, Contest shown) const {
  if (!in.forward.is_exact()) return shown;
  const auto need = [&](bool PenaltyKind::*at) {
    return std::ranges::any_of(every_step_penalties(), [&](size_t i) {
      return penalties().at(settings_.penalty[i].kind).*at;
    });
  };
  if (need(&PenaltyKind::at_reals)) shown.real = shown.real.detach().requires_grad_(true);
  if (need(&PenaltyKind::at_fakes)) shown.fake = shown.fake.detach().requires_grad_(true);
  return shown;
}

std::vector<LossTerm> Adversary::penalties_on(const PhaseInput& in, const Contest& shown,
                                              const Scores& found, Weights weights) const {
  std::vector<LossTerm> terms;
  for (const size_t i : every_step_penalties())
    terms.push_back(penalty(i, in, shown, found, weights));
  return terms;
}

LossTerm Adversary::penalty(size_t index, const PhaseInput& in, const Contest& shown,
                            const Scores& found, Weights weights) const {
  const config::Penalty& settings = settings_.penalty[index];
  const PenaltyKind& kind = penalties().at(settings.kind);
  PenaltyInput input{.discriminate =
                         [&](const at::Tensor& x) {
                           return in.forward.exact(kDiscriminator, weights, x, shown.labels);
                         },
                     .real = shown.real,
                     .fake = shown.fake,
                     .scores = found,
                     .mix = {},
                     .disturbance = {},
                     .coupling = in.coupling};
  // One number a sample, of which a pack takes its first's.
  if (kind.mixes) {
    const int64_t rows = shown.fake.size(0);
    input.real = repeat_rows(shown.real, rows);
    input.mix = repeat_rows(in.noise(kMix).slice(0, 0, {}, settings_.packing), rows);
  }
  if (kind.disturbs) input.disturbance = pack(in.noise(kDisturbance), settings_.packing);
  // One of interval k is computed every k-th step, at k times the weight (Karras et al., arXiv
  // 1912.04958, section 3.1).
  LossTerm term{settings.kind, kind.value(input), static_cast<double>(settings.interval)};
  if (settings.anneal_samples > 0)
    term.factor = in.number(weight_name(index));
  else
    term.weight *= settings.weight;
  return term;
}

std::vector<size_t> Adversary::every_step_penalties() const {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < settings_.penalty.size(); ++i)
    if (settings_.penalty[i].interval == 1) chosen.push_back(i);
  return chosen;
}

std::vector<NoiseInput> Adversary::penalty_noise(const std::vector<size_t>& chosen) const {
  const auto any = [&](bool PenaltyKind::*needs) {
    return std::ranges::any_of(
        chosen, [&](size_t i) { return penalties().at(settings_.penalty[i].kind).*needs; });
  };
  std::vector<NoiseInput> noise;
  if (any(&PenaltyKind::mixes)) noise.push_back({kMix, {1}, "uniform"});
  if (any(&PenaltyKind::disturbs)) noise.push_back(presentation_.normal(kDisturbance));
  for (const size_t i : chosen) {
    const config::Penalty& penalty = settings_.penalty[i];
    if (penalty.anneal_samples == 0) continue;
    noise.push_back(number_of_step(weight_name(i), [penalty, batch = batch_](uint64_t step) {
      return annealed(penalty.weight, penalty.last_weight, static_cast<int64_t>(step) * batch,
                      penalty.anneal_samples);
    }));
  }
  return noise;
}

std::vector<NoiseInput> Adversary::every_step_noise() const {
  std::vector<NoiseInput> noise = presentation_.noise();
  append(noise, penalty_noise(every_step_penalties()));
  return noise;
}

Phase Adversary::discriminator_phase(std::string name, const Stage& stage,
                                     std::vector<NoiseInput> noise,
                                     const std::vector<std::string>& player) const {
  append(noise, every_step_noise());
  Phase phase{.name = std::move(name),
              .trains = {kDiscriminator},
              .noise = std::move(noise),
              .clip_weights = settings_.weight_clip,
              .hands_on = player};
  phase.losses = [this, stage, hands_on = !player.empty()](const PhaseInput& in) {
    PhaseOutput out;
    const Contest contest =
        hands_on ? for_both(stage, in, out.handed_on) : without_gradient(stage, in);
    const Contest shown = ready_for_penalties(in, presentation_.show(in, contest));
    const Scores found = scores(in, shown, {});
    out.losses.push_back({kDiscriminator, discriminator_loss(found)});
    for (LossTerm& term : penalties_on(in, shown, found, {})) out.losses.push_back(std::move(term));
    if (lecam_) {
      out.losses.push_back({"lecam", lecam_->loss(in.forward, found), settings_.lecam});
      out.means = lecam_->means(kDiscriminator, found);
    }
    out.observations = {{"d_real", found.real.detach().sigmoid().mean()},
                        {"d_fake", found.fake.detach().sigmoid().mean()}};
    if (!loss_.logits) out.observations.push_back({"d_apart", apart(found)});
    return out;
  };
  return phase;
}

Phase Adversary::lazy_phase(size_t index, const Stage& stage, std::vector<NoiseInput> noise) const {
  const config::Penalty& settings = settings_.penalty[index];
  append(noise, presentation_.noise());
  append(noise, penalty_noise({index}));
  Phase phase{.name = settings.kind,
              .trains = {kDiscriminator},
              .reads_samples = false,
              .interval = settings.interval,
              .noise = std::move(noise),
              .clip_weights = settings_.weight_clip};
  phase.losses = [this, index, stage](const PhaseInput& in) {
    const Contest shown = presentation_.show(in, without_gradient(stage, in));
    PhaseOutput out;
    out.losses.push_back(penalty(index, in, shown, {}, {}));
    return out;
  };
  return phase;
}

}  // namespace allmodes::objectives
