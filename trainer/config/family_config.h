#pragma once

// The settings of the families of generative networks and of what several of them share.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/adversarial_config.h"
#include "config/network_config.h"
#include "config/rules.h"

namespace allmodes::config {

struct Latent {
  int64_t dimension = 64;
  std::string distribution = "normal";
  int64_t components = 10;
  double radius = 4.0;
  double std = 0.5;
};

template <class V, Is<Latent> T>
void describe(V& v, T& c) {
  v.field("dimension", c.dimension, kSize, "Numbers a code.");
  v.field("distribution", c.distribution, OneOf{"distribution", kDistributions},
          "normal: N(0, I); uniform: U(-1, 1); sphere: uniform on the sphere of radius "
          "sqrt(dimension); mixture: equal Gaussians whose means lie on a circle in the first two "
          "dimensions.");
  v.field("components", c.components, kSize, "mixture: Gaussians.");
  v.field("radius", c.radius, kPositive, "mixture: of the circle.");
  v.field("std", c.std, kPositive, "mixture: standard deviation of each component.");
}

// An encoder and a decoder: the same fields in every family that has them.
struct Autoencoder {
  Latent latent;
  Network encoder;
  Network decoder;
  Optimizer optimizer{.learning_rate = 1e-3, .beta1 = 0.9};
  std::string likelihood = "bernoulli";
  double variance = 1.0;
};

template <class V, class T>
void describe_autoencoder(V& v, T& c) {
  v.message("latent", c.latent, "The prior of the codes.");
  v.message("encoder", c.encoder, "From a sample to its posterior.");
  v.message("decoder", c.decoder, "From a code to a sample.");
  v.message("optimizer", c.optimizer, "Of encoder and decoder.");
  v.field("likelihood", c.likelihood, Registered{"likelihood"}, "Of a sample given its code.");
  v.field("variance", c.variance, kPositive, "likelihood gaussian: the decoder's variance.");
}

struct Gan : Adversarial {
  static constexpr Block kBlock{"gan", "Generative adversarial network."};
  Latent latent;
  Network generator;
  Optimizer generator_optimizer;
  double mode_seeking = 0.0;
  std::string conditioning = "none";
  int64_t generator_steps = 1;
  bool generator_batch = false;
};

template <class V, Is<Gan> T>
void describe(V& v, T& c) {
  v.message("latent", c.latent, "The prior of the generator's input.");
  v.message("generator", c.generator, "From a code to a sample.");
  v.message("generator_optimizer", c.generator_optimizer, "Of the generator.");
  v.field("mode_seeking", c.mode_seeking, kNotNegative,
          "Weight of 1 / (distance of two samples over that of their codes); 0: off.");
  v.field("conditioning", c.conditioning, OneOf{"conditioning", kConditionings},
          "How both networks take class labels.");
  v.field("generator_steps", c.generator_steps, Range{.low = 1, .high = 1024},
          "Updates of the generator after those of the discriminator.");
  v.field("generator_batch", c.generator_batch, Anything{},
          "The generator's step takes a batch of its own, not the discriminator's last one.");
  describe_adversarial(v, c);
}

struct Vae : Autoencoder {
  static constexpr Block kBlock{"vae", "Variational autoencoder."};
  double beta = 1.0;
  std::string kl_schedule = "constant";
  int64_t kl_warmup_steps = 0;
  double free_bits = 0.0;
  int64_t importance_samples = 1;
  double total_correlation = 1.0;
  int64_t inference_steps = 0;
  int64_t inference_until = 0;
  bool conditional = false;
};

template <class V, Is<Vae> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("beta", c.beta, kNotNegative, "Weight of the KL term.");
  v.field("kl_schedule", c.kl_schedule, OneOf{"schedule", kKlSchedules},
          "The way of that weight to beta.");
  v.field("kl_warmup_steps", c.kl_warmup_steps, kCountOrZero,
          "linear: steps from 0 to beta; cyclical: steps of one cycle, in the first half of which "
          "the weight rises.");
  v.field("free_bits", c.free_bits, kNotNegative,
          "Nats a dimension below which the KL costs the same.");
  v.field("importance_samples", c.importance_samples, Range{.low = 1, .high = 10'000},
          "Codes a sample of the importance-weighted bound; 1: the ELBO.");
  v.field("total_correlation", c.total_correlation, kNotNegative,
          "Weight of the total correlation within the KL; 1: the plain KL.");
  v.field("inference_steps", c.inference_steps, Range{.low = 0, .high = 10'000},
          "Updates of the encoder alone before each step.");
  v.field("inference_until", c.inference_until, kCountOrZero,
          "inference_steps are made in the steps below this one; 0: in all.");
  v.field("conditional", c.conditional, Anything{}, "Both networks take class labels.");
}

struct Aae : Autoencoder, Adversarial {
  static constexpr Block kBlock{
      "aae", "Adversarial autoencoder: a discriminator compares codes with the prior."};
  std::string posterior = "deterministic";
  Optimizer code_optimizer;
};

template <class V, Is<Aae> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("posterior", c.posterior, OneOf{"posterior", kPosteriors}, "What the encoder gives.");
  v.message("code_optimizer", c.code_optimizer, "Of the encoder against the discriminator.");
  describe_adversarial(v, c);
}

// The kernel of a maximum mean discrepancy between codes and prior.
struct Kernel {
  std::string kind = "imq";
  double scale = 1.0;
};

template <class V, Is<Kernel> T>
void describe(V& v, T& c) {
  v.field("kind", c.kind, OneOf{"kernel", kKernels},
          "imq: inverse multiquadrics of seven scales; rbf: a Gaussian.");
  v.field("scale", c.scale, kPositive, "Factor of its squared width.");
}

struct InfoVae : Autoencoder {
  static constexpr Block kBlock{"infovae", "InfoVAE: a VAE with an MMD between codes and prior."};
  double alpha = 0.0;
  double lambda = 1000.0;
  Kernel kernel;
};

template <class V, Is<InfoVae> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("alpha", c.alpha, kFinite, "1 minus the weight of the KL term.");
  v.field("lambda", c.lambda, kNotNegative, "alpha + lambda - 1 is the weight of the MMD.");
  v.message("kernel", c.kernel, "Of the MMD.");
}

struct WaeMmd : Autoencoder {
  static constexpr Block kBlock{"wae_mmd",
                                "Wasserstein autoencoder with an MMD between codes and prior."};
  std::string posterior = "deterministic";
  double lambda = 10.0;
  Kernel kernel;
};

template <class V, Is<WaeMmd> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("posterior", c.posterior, OneOf{"posterior", kPosteriors}, "What the encoder gives.");
  v.field("lambda", c.lambda, kNotNegative, "Weight of the MMD.");
  v.message("kernel", c.kernel, "Of the MMD.");
}

struct WaeGan : Autoencoder, Adversarial {
  static constexpr Block kBlock{
      "wae_gan", "Wasserstein autoencoder whose codes a discriminator compares with the prior."};
  std::string posterior = "deterministic";
  double lambda = 10.0;
};

template <class V, Is<WaeGan> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("posterior", c.posterior, OneOf{"posterior", kPosteriors}, "What the encoder gives.");
  v.field("lambda", c.lambda, kNotNegative, "Weight of the adversarial term.");
  describe_adversarial(v, c);
}

struct VaeGan : Autoencoder, Adversarial {
  static constexpr Block kBlock{
      "vae_gan",
      "VAE whose decoder is a GAN's generator, and whose reconstructions are compared in features "
      "of the discriminator."};
  std::string reconstruction = "features";
  int64_t feature_layer = -1;
  double gamma = 0.01;
  double beta = 1.0;
};

template <class V, Is<VaeGan> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("reconstruction", c.reconstruction, OneOf{"reconstruction", kReconstructions},
          "features: half the squared distance in a layer of the discriminator; pixels: the "
          "likelihood.");
  v.field("feature_layer", c.feature_layer, Range{.low = -1, .high = kMostSize},
          "features: the layer of the discriminator, counted from 0; -1: its last activation.");
  v.field("gamma", c.gamma, kPositive,
          "Weight of the reconstruction beside the adversarial loss, for the decoder.");
  v.field("beta", c.beta, kNotNegative,
          "Weight of the KL term beside the reconstruction, for the encoder.");
  describe_adversarial(v, c);
}

// The autoencoder that latent models are trained on: codes lie in the pixels of a small image.
struct FirstStage : Adversarial {
  static constexpr Block kBlock{
      "first_stage",
      "First stage of a latent model: an autoencoder whose codes are the pixels of a small image, "
      "with a KL term or a codebook, and a discriminator of its reconstructions."};
  Network encoder{.architecture = "residual_autoencoder", .width = 64, .depth = 2};
  Network decoder{.architecture = "residual_autoencoder", .width = 64, .depth = 2};
  Optimizer optimizer{.learning_rate = 1e-4, .beta1 = 0.5, .beta2 = 0.9};
  std::string quantizer = "kl";
  int64_t channels = 4;
  int64_t downsampling = 4;
  double kl_weight = 1e-6;
  int64_t codes = 1024;
  std::string codebook = "gradient";
  double commitment = 0.25;
  double codebook_decay = 0.99;
  double restart_below = 0.0;
  std::vector<int64_t> levels{8, 5, 5, 5};
  double entropy_weight = 0.1;
  double entropy_temperature = 0.1;
  std::string distance = "l1";
  bool learned_variance = false;
  std::string perceptual = "none";
  double perceptual_weight = 1.0;
  std::string perceptual_path = "";
  double adversarial_weight = 0.5;
  bool adaptive_weight = true;
  int64_t discriminator_start = 0;
  int64_t discriminator_warmup = 0;
};

template <class V, Is<FirstStage> T>
void describe(V& v, T& c) {
  v.message("encoder", c.encoder, "From a picture to its small image.");
  v.message("decoder", c.decoder, "From a small image to a picture.");
  v.message("optimizer", c.optimizer, "Of encoder, decoder and codebook.");
  v.field(
      "quantizer", c.quantizer, OneOf{"quantizer", kQuantizers},
      "kl: a Gaussian a value; vq: the nearest vector of a codebook; fsq: each value rounded to "
      "one of its levels; lfq: the sign of each value.");
  v.field("channels", c.channels, kSize, "Of the small image.");
  v.field("downsampling", c.downsampling, kSize,
          "A side of the picture over one of the small image.");
  v.field("kl_weight", c.kl_weight, kNotNegative,
          "kl: weight of a sample's KL, in nats, beside its distance summed over all values.");
  v.field("codes", c.codes, kSize, "vq: vectors of the codebook.");
  v.field(
      "codebook", c.codebook, OneOf{"codebook", kCodebooks},
      "vq: gradient: vectors follow the gradient of their distance; ema: they are running means "
      "of what was nearest to them.");
  v.field("commitment", c.commitment, kNotNegative,
          "vq, lfq: weight of the distance of the encoder's output from its code.");
  v.field("codebook_decay", c.codebook_decay, kDecayRate, "vq: of the running use and means.");
  v.field("restart_below", c.restart_below, kNotNegative,
          "vq: a code whose running use falls below so many vectors a batch takes the place of a "
          "vector of the batch, drawn from those of all ranks; 0: off.");
  v.list("levels", c.levels, Range{.low = 2, .high = 1 << 16}, 0, "fsq: levels of each channel.");
  v.field("entropy_weight", c.entropy_weight, kNotNegative,
          "lfq: weight of the entropy of each bit less that of its mean over all samples.");
  v.field("entropy_temperature", c.entropy_temperature, kPositive,
          "lfq: of the bits' probability.");
  v.field("distance", c.distance, OneOf{"distance", kDistances},
          "Of reconstructions: mean absolute or mean squared difference of values.");
  v.field("learned_variance", c.learned_variance, Anything{},
          "The distance d counts as d / exp(s) + s, with a number s that is trained.");
  v.field(
      "perceptual", c.perceptual, OneOf{"perceptual", kPerceptual},
      "A second distance, of features: lpips, in those of a VGG16; efficientnet_lite0, in those "
      "of that network, which launch/setup.sh --features fetches.");
  v.field("perceptual_weight", c.perceptual_weight, kNotNegative,
          "Of that distance beside the first one; 0: it is measured on held-out pictures alone.");
  v.field("perceptual_path", c.perceptual_path, Anything{},
          "lpips: folder with the weights of the VGG16 and of the linear layers; "
          "efficientnet_lite0: file with its weights, empty: where launch/setup.sh puts it.");
  v.field("adversarial_weight", c.adversarial_weight, kNotNegative,
          "Of the adversarial loss; 0: no discriminator.");
  v.field("adaptive_weight", c.adaptive_weight, Anything{},
          "That weight times the ratio of the gradients of distance and adversarial loss in the "
          "decoder's last layer.");
  v.field("discriminator_start", c.discriminator_start, kCountOrZero,
          "The discriminator takes part from this step on.");
  v.field("discriminator_warmup", c.discriminator_warmup, kCountOrZero,
          "Steps from there in which the weight of its loss rises linearly from 0.");
  describe_adversarial(v, c);
}

struct Fit {
  static constexpr Block kBlock{"fit",
                                "A mixture of Gaussians fitted to a mixture that is known: shows "
                                "what each divergence does with modes."};
  std::string divergence = "forward_kl";
  int64_t components = 1;
  double spread = 1.0;
  Optimizer optimizer{.learning_rate = 1e-2, .beta1 = 0.9};
};

template <class V, Is<Fit> T>
void describe(V& v, T& c) {
  v.field("divergence", c.divergence, OneOf{"divergence", kDivergences}, "What is minimized.");
  v.field("components", c.components, kSize, "Gaussians of the fit.");
  v.field("spread", c.spread, kPositive, "Standard deviation of the components' first means.");
  v.message("optimizer", c.optimizer, "Of means, deviations and weights.");
}

using Family =
    std::variant<std::monostate, Gan, Vae, Aae, InfoVae, WaeMmd, WaeGan, Fit, VaeGan, FirstStage>;

}  // namespace allmodes::config
