#pragma once

// What a discriminator is shown of what it compares: with noise on it, augmented, and packed.

#include <string>
#include <vector>

#include "objectives/objective.h"

namespace allmodes::objectives {

// What the discriminator compares. Fake i stands beside real i; where there are several kinds of
// fakes they follow each other, [k n, ...] beside [n, ...] reals.
struct Contest {
  at::Tensor real;
  at::Tensor fake;
  at::Tensor labels = {};  // [n] of class-conditional families, of both
  // What else, beside the fakes, the phase of the fakes' player can go on from, with its graph.
  std::vector<at::Tensor> for_player = {};
};

// [n, c, ...] -> [n / m, m c, ...]: m consecutive samples as one, features or channels side by side
// (Lin et al., "PacGAN", arXiv 1712.04086, section 3). m divides n.
at::Tensor pack(const at::Tensor& samples, int64_t m);

// [n, ...] repeated until it has `rows` rows, a multiple of n: what belongs to real i beside every
// kind of fake.
at::Tensor repeat_rows(const at::Tensor& each, int64_t rows);

// The shape of what the discriminator is shown, for samples (or codes) of `shape`.
networks::Shape shown_shape(const config::Adversarial& settings, networks::Shape shape);

class Presentation {
 public:
  // `shape` is that of a sample (or code); only noise needs it. `batch`: samples a step, which
  // schedules over samples count.
  Presentation(const config::Adversarial& settings, networks::Shape shape, int64_t batch);

  // What show() reads from a phase's noise.
  std::vector<NoiseInput> noise() const;
  // N(0, 1) of a sample's shape, as the noise `name`.
  NoiseInput normal(const std::string& name) const;

  // In this order: instance noise, whose deviation falls linearly to 0 at instance_noise_steps
  // (Sonderby et al., arXiv 1610.04490; Arjovsky, Bottou, arXiv 1701.04862), augmentation with the
  // same numbers for real i and fake i, each kind of it on a share of the samples that may come
  // from 0 by half a cosine, packing. An undefined tensor stays undefined.
  Contest show(const PhaseInput& in, const Contest& contest) const;

 private:
  at::Tensor show(const PhaseInput& in, const at::Tensor& samples, const char* noise) const;
  at::Tensor augmented(const PhaseInput& in, const at::Tensor& shown) const;
  bool augments_all() const { return probability_ == 1 && probability_samples_ == 0; }

  int64_t packing_;
  double deviation_;
  int64_t deviation_steps_;
  std::vector<std::string> augmentations_;
  double probability_;           // of each augmentation
  int64_t probability_samples_;  // over which it comes from 0
  int64_t batch_;
  networks::Shape shape_;
};

}  // namespace allmodes::objectives
