#pragma once

// The settings of optimizers, and of discriminators, which every adversarial family shares.

#include <cstdint>
#include <string>
#include <vector>

#include "config/network_config.h"
#include "config/rules.h"

namespace allmodes::config {

// Adam.
struct Optimizer {
  double learning_rate = 2e-4;
  double beta1 = 0.5;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  bool decoupled_decay = false;
  int64_t warmup_steps = 0;
  std::string decay = "none";
  double clip_norm = 0.0;
  double ema_decay = 0.999;
  double ema_half_life = 0.0;
  int64_t anneal_samples = 0;
  double last_learning_rate = 0.0;
  double last_beta2 = 0.0;
};

template <class V, Is<Optimizer> T>
void describe(V& v, T& c) {
  v.field("learning_rate", c.learning_rate, kPositive, "Of Adam.");
  v.field("beta1", c.beta1, kDecayRate, "Decay of the mean of gradients.");
  v.field("beta2", c.beta2, kDecayRate, "Decay of the mean of squared gradients.");
  v.field("epsilon", c.epsilon, kPositive, "Added to the root of the mean square.");
  v.field("weight_decay", c.weight_decay, kNotNegative,
          "Added to the gradient times the weight (L2).");
  v.field("decoupled_decay", c.decoupled_decay, Anything{},
          "weight_decay times the learning rate shrinks the weights instead (AdamW).");
  v.field("warmup_steps", c.warmup_steps, kCountOrZero,
          "Steps in which the learning rate rises linearly from 0.");
  v.field("decay", c.decay, OneOf{"decay", kDecays},
          "The way of the learning rate to 0 at the last step.");
  v.field("clip_norm", c.clip_norm, kNotNegative,
          "Gradients are scaled to at most this L2 norm; 0: off.");
  v.field("ema_decay", c.ema_decay, kDecayRate, "Of the averaged weights that are evaluated.");
  v.field("ema_half_life", c.ema_half_life, kNotNegative,
          "Samples in which the averaged weights forget half, instead of ema_decay; 0: ema_decay.");
  v.field("anneal_samples", c.anneal_samples, kCountOrZero,
          "Samples (steps times batch) over which learning rate and beta2 go to their last values, "
          "and ema_half_life comes from 0, by half a cosine; 0: they stay.");
  v.field("last_learning_rate", c.last_learning_rate, kNotNegative,
          "anneal_samples: the learning rate from then on; 0: it stays.");
  v.field("last_beta2", c.last_beta2, kDecayRate,
          "anneal_samples: beta2 from then on; 0: it stays.");
}

// A penalty on the discriminator's gradient.
struct Penalty {
  std::string kind = "r1";
  double weight = 1.0;
  int64_t interval = 1;
  int64_t anneal_samples = 0;
  double last_weight = 0.0;
};

template <class V, Is<Penalty> T>
void describe(V& v, T& c) {
  v.field("kind", c.kind, Registered{"penalty"}, "Which penalty on the discriminator's gradient.");
  v.field("weight", c.weight, kPositive, "Factor of the penalty in the loss.");
  v.field("interval", c.interval, kCount,
          "Computed every so many steps, and scaled to the same strength.");
  v.field("anneal_samples", c.anneal_samples, kCountOrZero,
          "Samples (steps times batch) over which the weight goes to last_weight by half a cosine; "
          "0: it stays.");
  v.field("last_weight", c.last_weight, kNotNegative, "anneal_samples: the weight from then on.");
}

// A discriminator and how it is trained: the same fields in every family that has one.
struct Adversarial {
  std::string loss = "non_saturating";
  Network discriminator;
  Optimizer discriminator_optimizer;
  int64_t discriminator_steps = 1;
  std::vector<Penalty> penalty;
  int64_t packing = 1;
  int64_t unrolled_steps = 0;
  double weight_clip = 0.0;
  double label_smoothing = 0.0;
  double instance_noise = 0.0;
  int64_t instance_noise_steps = 0;
  std::string augment = "";
  double augment_probability = 1.0;
  int64_t augment_samples = 0;
  double lecam = 0.0;
  double lecam_decay = 0.999;
};

template <class V, class T>
void describe_adversarial(V& v, T& c) {
  v.field("loss", c.loss, Registered{"loss"}, "What both players minimize.");
  v.message("discriminator", c.discriminator, "The network that tells real from generated.");
  v.message("discriminator_optimizer", c.discriminator_optimizer, "Of the discriminator.");
  v.field("discriminator_steps", c.discriminator_steps, Range{.low = 1, .high = 1024},
          "Updates of the discriminator before each step of the other player.");
  v.messages("penalty", c.penalty, "Penalties on the discriminator's gradient.");
  v.field("packing", c.packing, kSize,
          "Consecutive samples that the discriminator sees at once (PacGAN).");
  v.field("unrolled_steps", c.unrolled_steps, Range{.low = 0, .high = 1024},
          "Steps of the discriminator that the other player looks ahead; 0: off.");
  v.field("weight_clip", c.weight_clip, kNotNegative,
          "The discriminator's weights are clamped to [-c, c]; 0: off.");
  v.field("label_smoothing", c.label_smoothing, Range{.low = 0, .high = 0.5, .open_high = true},
          "Reals are labelled 1 minus this.");
  v.field("instance_noise", c.instance_noise, kNotNegative,
          "Standard deviation of noise on all that the discriminator sees.");
  v.field("instance_noise_steps", c.instance_noise_steps, kCountOrZero,
          "The noise falls linearly to 0 at this step; 0: it stays.");
  v.field("augment", c.augment, Registered{"list of augmentations"},
          "Any of color, translation, cutout, separated by commas: on all that the discriminator "
          "sees.");
  v.field("augment_probability", c.augment_probability, kShare,
          "Share of the samples that each of them changes.");
  v.field(
      "augment_samples", c.augment_samples, kCountOrZero,
      "Samples (steps times batch) over which that share comes from 0 by half a cosine; 0: it is "
      "there from the start.");
  v.field(
      "lecam", c.lecam, kNotNegative,
      "Weight of the squared distance by which scores of reals lie above the running mean of those "
      "of fakes, and scores of fakes below that of reals (LeCam); 0: off.");
  v.field("lecam_decay", c.lecam_decay, kDecayRate, "lecam: of the running means.");
}

}  // namespace allmodes::config
