#pragma once

// The configuration as the trainer sees it: plain values with their defaults, filled from the
// text-proto by config/load.h. This file is the one place where a default is written down.
// Ranges are checked by config/fields.h; every comment gives meaning, unit and range.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace allmodes::config {

// One component of a custom mixture.
struct Mode {
  std::vector<double> mean;  // two coordinates
  double std = 0.05;         // > 0
  double weight = 1.0;       // > 0, relative to the other modes
};

// Where samples come from. `dataset` is a name in data/registry.cpp; each data set declares which
// of the other fields it reads, and setting one that it does not read is an error.
struct Data {
  std::string dataset = "fashion_mnist";
  std::string path;           // file or folder (idx, npy, images; mnist: its folder)
  std::string labels;         // labels file (idx, npy); empty: unlabelled
  int64_t samples = 100'000;  // mixtures: size of the fixed sample, >= 1
  int64_t image_size = 0;     // images: made this square as `fit` says; 0: as stored
  int64_t modes = 8;          // ring: modes on the circle, >= 1; grid: a square number
  double radius = 1.0;        // ring, > 0
  double spacing = 2.0;       // grid: distance of neighbours, > 0
  double std = 0.05;          // ring, grid: of each mode, > 0
  std::vector<Mode> mode;     // mixture: its components
  int64_t prefetch = 2;       // batches prepared ahead, >= 1
  bool memory_map = false;    // read samples from the file as they are needed, not whole

  // Of pictures (images): what is read, and how it is made ready.
  std::string classes = "folders";  // folders: subfolders are classes; none: they are only places
  std::string split = "auto";       // the part named so (train, val, test); auto: train, if named
  double held_out = 0.0;            // share held out by a hash of each picture's name, [0, 1)
  std::string fit = "pad";          // pad, crop (to the middle square), adm (as ADM crops)
  std::string filter = "auto";      // area, box, bilinear, bicubic, lanczos; auto: area, or of crop
                                    // lanczos
  std::string colour = "auto";      // grey, rgb; auto: rgb as soon as one picture has colour
  int64_t background = 0;           // grey under transparent pixels, 0 (black) to 255
  std::string exif = "apply";       // apply the orientation that a camera wrote, or ignore it
  bool flip = false;                // mirror each picture with chance 1/2, by (seed, epoch, sample)
  int64_t threads = 0;              // that decode, of each rank; 0: this rank's share of processors
  std::string cache = "auto";       // where decoded pictures are kept: memory, disk, none
  std::string on_damage = "refuse";  // refuse, or skip what cannot be read
  double most_damaged = 0.01;        // skip: at most this share, [0, 1]
  int64_t largest_picture = 100;     // millions of pixels; a larger picture is refused, >= 1

  // Of arrays and tables.
  std::string range = "auto";   // of images: bytes, unit ([0, 1]) or signed ([-1, 1])
  std::string layout = "auto";  // images or points
  std::string label_column;     // table: the column of classes; empty: unlabelled
  bool standardize = true;      // table: each column to mean 0 and deviation 1
};

// The prior. normal: N(0, I); uniform: U(-1, 1); sphere: uniform on the sphere of radius
// sqrt(dimension); mixture: equal Gaussians whose means lie on a circle in the first two dimensions.
struct Latent {
  int64_t dimension = 64;               // >= 1
  std::string distribution = "normal";  // normal, uniform, sphere, mixture
  int64_t components = 10;              // mixture, >= 1
  double radius = 4.0;                  // mixture: of the circle, > 0
  double std = 0.5;                     // mixture: of each component, > 0
};

// ---- layers of a custom network ------------------------------------------------------------

struct Linear {
  int64_t units = 0;  // >= 1, required
  bool bias = true;
  bool spectral_norm = false;  // weight divided by its largest singular value
};

struct Convolution {
  int64_t channels = 0;  // >= 1, required
  int64_t kernel = 3;    // >= 1
  int64_t stride = 1;    // >= 1
  int64_t padding = 0;   // >= 0
  bool bias = true;
  int64_t groups = 1;  // divides the channels of input and output, >= 1
  bool spectral_norm = false;
};

struct TransposedConvolution {
  int64_t channels = 0;  // >= 1, required
  int64_t kernel = 4;    // >= 1
  int64_t stride = 2;    // >= 1
  int64_t padding = 1;   // >= 0
  int64_t output_padding = 0;  // >= 0, < stride
  bool bias = true;
  bool spectral_norm = false;
};

struct BatchNorm {
  std::string statistics = "local";  // local: over one rank's samples; global: over all ranks'
  double momentum = 0.1;             // (0, 1]
  double epsilon = 1e-5;             // > 0
};

struct Activation {
  std::string function = "relu";  // relu, leaky_relu, tanh, sigmoid, elu, softplus, silu
  double slope = 0.2;             // leaky_relu, >= 0
};

struct Maxout {
  int64_t units = 0;   // >= 1, required
  int64_t pieces = 5;  // >= 2
  bool bias = true;
};

struct Reshape {
  std::vector<int64_t> shape;  // without the batch dimension
};

struct Flatten {};

struct Layer;

// shortcut(x) + layers(x), of one shape; without shortcut x itself.
struct Residual {
  std::vector<Layer> layers;
  std::vector<Layer> shortcut;
};

// Over all values of a sample; one weight and bias a channel (or feature).
struct LayerNorm {
  double epsilon = 1e-5;  // > 0
};

// Over the pixels of each sample and channel.
struct InstanceNorm {
  double epsilon = 1e-5;  // > 0
};

// Over the pixels and the channels of a group, of each sample.
struct GroupNorm {
  int64_t groups = 8;     // divides the channels, >= 1
  double epsilon = 1e-5;  // > 0
};

struct Upsample {
  int64_t factor = 2;           // >= 2
  std::string mode = "nearest"; // nearest, bilinear
};

// Mean over squares of factor x factor pixels.
struct Downsample {
  int64_t factor = 2;  // divides height and width, >= 2
};

// One value a channel.
struct GlobalPool {
  std::string reduction = "mean";  // mean, sum
};

struct Dropout {
  double rate = 0.5;  // share of values set to 0 in training, [0, 1)
};

// Over the pixels of an image (Zhang et al., "SAGAN", 2019).
struct SelfAttention {
  int64_t reduction = 8;  // channels over those of queries and keys, >= 1
};

// Appends a learned embedding of the class label: to features, or to an image as constant channels.
struct ClassConcatenation {
  int64_t dimension = 16;  // >= 1
};

// One number a sample: linear(features) + <embedding of the class label, features> (Miyato, Koyama,
// "cGANs with projection discriminator", 2018).
struct ClassProjection {};

// Appends a channel (or feature) of the mean standard deviation over groups of consecutive samples
// (Karras et al., "Progressive growing of GANs", 2018).
struct MinibatchStddev {
  int64_t group = 4;  // divides a rank's share of the batch, >= 2
};

// Appends to each sample its likeness to the others (Salimans et al., "Improved techniques", 2016).
struct MinibatchDiscrimination {
  int64_t features = 16;             // >= 1
  int64_t dimension = 8;             // of each feature's comparison, >= 1
  std::string statistics = "local";  // local: among one rank's samples; global: among all ranks'
};

struct Layer {
  std::variant<std::monostate, Linear, Convolution, TransposedConvolution, BatchNorm, Activation,
               Maxout, Reshape, Flatten, Residual, LayerNorm, InstanceNorm, GroupNorm, Upsample,
               Downsample, GlobalPool, Dropout, SelfAttention, ClassConcatenation, ClassProjection,
               MinibatchStddev, MinibatchDiscrimination>
      kind;
};

// A named architecture (networks/registry.cpp; each declares which fields it reads), or an own
// list of layers.
struct Network {
  std::string architecture = "mlp";
  int64_t width = 128;                 // mlp: units a layer; dcgan: channels of the widest-image layer
  int64_t depth = 3;                   // mlp: hidden layers, >= 1
  std::string activation = "relu";     // of hidden layers
  std::string norm = "none";           // none, batch, sync_batch, layer, instance, group
  int64_t maxout_pieces = 0;           // mlp: 0 or >= 2; replaces linear + activation
  bool bias = true;                    // of hidden linear layers
  std::string output_activation = "";  // "": what the family needs
  std::string initialization = "kaiming_uniform";  // kaiming_uniform, normal_002
  bool spectral_norm = false;          // of every weight
  double dropout = 0.0;                // after hidden activations, [0, 1)
  int64_t minibatch_stddev = 0;        // discriminators: group size, or 0
  int64_t minibatch_features = 0;      // discriminators: of minibatch discrimination, or 0
  std::vector<Layer> layers = {};      // not empty: used instead of `architecture`
};

struct Optimizer {
  double learning_rate = 2e-4;    // > 0
  double beta1 = 0.5;             // [0, 1)
  double beta2 = 0.999;           // [0, 1)
  double epsilon = 1e-8;          // > 0
  double weight_decay = 0.0;      // >= 0, added to the gradient (L2)
  int64_t warmup_steps = 0;       // linear from 0, >= 0
  std::string decay = "none";     // none, linear, cosine: to 0 at the last step
  double clip_norm = 0.0;         // > 0: gradients are scaled to at most this L2 norm; 0: off
  double ema_decay = 0.999;       // [0, 1): of the averaged weights that are evaluated
};

// A penalty on the discriminator's gradient; `kind` is a name in objectives/registry.cpp.
struct Penalty {
  std::string kind = "r1";
  double weight = 1.0;   // > 0
  int64_t interval = 1;  // every so many steps, scaled to the same strength, >= 1
};

// A discriminator and how it is trained: the same fields in every family that has one.
struct Adversarial {
  std::string loss = "non_saturating";  // objectives/registry.cpp
  Network discriminator;
  Optimizer discriminator_optimizer;
  int64_t discriminator_steps = 1;  // a step of the other player, >= 1
  std::vector<Penalty> penalty;
  int64_t packing = 1;               // consecutive samples that it sees at once (PacGAN), >= 1
  int64_t unrolled_steps = 0;        // its steps that the other player looks ahead, >= 0
  double weight_clip = 0.0;          // > 0: its weights are clamped to [-c, c]; 0: off
  double label_smoothing = 0.0;      // reals are labelled 1 - this, [0, 0.5)
  double instance_noise = 0.0;       // deviation of noise on all that it sees, >= 0
  int64_t instance_noise_steps = 0;  // noise falls linearly to 0 at this step; 0: stays
  std::string augment = "";          // list of color, translation, cutout: on all that it sees
};

// An encoder and a decoder: the same fields in every family that has them.
struct Autoencoder {
  Latent latent;
  Network encoder;
  Network decoder;
  Optimizer optimizer{.learning_rate = 1e-3, .beta1 = 0.9};
  std::string likelihood = "bernoulli";  // objectives/registry.cpp
  double variance = 1.0;                 // gaussian: of the decoder, > 0
};

struct Gan : Adversarial {
  Latent latent;
  Network generator;
  Optimizer generator_optimizer;
  double mode_seeking = 0.0;          // weight of 1 / (distance of samples / of latents), >= 0
  std::string conditioning = "none";  // on class labels: none, projection, concatenation
  int64_t generator_steps = 1;        // after those of the discriminator, >= 1
};

struct Vae : Autoencoder {  // latent.distribution: normal only
  double beta = 1.0;        // weight of the KL term, >= 0
  std::string kl_schedule = "constant";  // constant, linear, cyclical: the weight's way to beta
  int64_t kl_warmup_steps = 0;    // linear: from 0 to beta; cyclical: of one cycle, half of it rising
  double free_bits = 0.0;         // nats a dimension below which the KL costs the same, >= 0
  int64_t importance_samples = 1; // of the importance-weighted bound, >= 1; 1: the ELBO
  double total_correlation = 1.0; // weight of the total correlation within the KL, >= 0; 1: plain
  int64_t inference_steps = 0;    // steps of the encoder alone before each step, >= 0
  int64_t inference_until = 0;    // ... in the steps below this one; 0: in all
  bool conditional = false;       // on class labels
};

// Adversarial autoencoder: a discriminator compares codes with the prior.
struct Aae : Autoencoder, Adversarial {
  std::string posterior = "deterministic";  // deterministic, gaussian
  Optimizer code_optimizer;                 // of the encoder against the discriminator
};

// The kernel of a maximum mean discrepancy between codes and prior.
struct Kernel {
  std::string kind = "imq";  // imq: inverse multiquadric, seven scales; rbf: Gaussian
  double scale = 1.0;        // factor of its squared width, > 0
};

struct InfoVae : Autoencoder {
  double alpha = 0.0;     // 1 - weight of the KL term
  double lambda = 1000.0; // alpha + lambda - 1 is the weight of the MMD
  Kernel kernel;
};

struct WaeMmd : Autoencoder {
  std::string posterior = "deterministic";  // deterministic, gaussian
  double lambda = 10.0;                     // weight of the MMD, >= 0
  Kernel kernel;
};

struct WaeGan : Autoencoder, Adversarial {
  std::string posterior = "deterministic";  // deterministic, gaussian
  double lambda = 10.0;                     // weight of the adversarial term, >= 0
};

// A mixture of Gaussians fitted to a mixture that is known: what each divergence does with modes.
struct Fit {
  std::string divergence = "forward_kl";  // forward_kl, reverse_kl, jensen_shannon
  int64_t components = 1;                 // >= 1
  double spread = 1.0;                    // of the components' first means, > 0
  Optimizer optimizer{.learning_rate = 1e-2, .beta1 = 0.9};
};

using Family = std::variant<std::monostate, Gan, Vae, Aae, InfoVae, WaeMmd, WaeGan, Fit>;

// Buckets of the gradient exchange.
struct Exchange {
  double bucket_mib = 25.0;       // > 0
  double first_bucket_mib = 1.0;  // > 0: the first and last bucket are this small
  // Of what travels between machines without GPUs: float32; bfloat16: half the bytes, each sum is
  // still taken in float32.
  std::string precision = "float32";
};

struct Diagnostics {
  int64_t log_every = 50;        // steps, >= 1
  int64_t evaluate_every = 1000; // steps, >= 1
  int64_t samples = 2500;        // of the averaged generator an evaluation, >= 2
  int64_t diversity_pairs = 256; // pairs a log step for the batch diversity, >= 1
  bool classifier = true;        // labelled images: train a small classifier for the mode histogram
  int64_t calibration_draws = 200;  // real samples against real ones, for the null of each figure; >= 50
  // Features in which precision, recall, density, coverage, Frechet and kernel distance are measured
  // at evaluations: pixels, pca, random_conv or classifier; off: they are not.
  std::string sample_metrics = "off";
};

// Of on_collapse "rollback": at most `limit` times the run goes back to its last healthy checkpoint
// (to its start where there is none) and each time applies every adjustment once more; then it stops.
struct Rollback {
  int64_t limit = 3;                         // >= 1
  double learning_rate = 1.0;                // factor of every learning rate, > 0
  double discriminator_learning_rate = 1.0;  // further factor of the discriminator's, > 0
  int64_t discriminator_steps = 0;           // added to discriminator_steps, >= 0
  double penalty_weight = 1.0;               // factor of every penalty's weight, > 0
  double instance_noise = 0.0;               // added to its deviation, >= 0
  double kl_weight = 1.0;                    // factor of the weight of the KL term, >= 0
};

struct Verdict {
  std::string on_collapse = "warn";   // warn, stop, rollback
  double significance = 1e-3;         // false alarms an evaluation, over all its statistics, (0, 1)
  double dropped_share = 0.1;         // a mode below this share of its expectation is missing, (0, 1)
  double imbalance_kl = 0.15;         // nats above the sampling floor: mode_imbalance, > 0
  double minimum_high_quality = 0.5;  // mixtures: below it, at_risk, [0, 1]
  double minimum_r2 = 0.05;           // autoencoders: below it, mean_collapse, [0, 1]
  double minimum_kl = 0.05;           // VAE: nats in all; below it, posterior_collapse, >= 0
  int64_t grace_steps = 0;            // steps during which nothing worse than at_risk is said, >= 0
  int64_t witnesses = 2;              // independent ones that `collapsed` needs; 1 .. 4
  int64_t confirmations = 2;          // evaluations that must say so ...
  int64_t window = 3;                 // ... of the last so many (of those there are), >= confirmations
  double minimum_spread = 0.5;        // of a mode in its narrowest direction over the data's, (0, 1)
  double minimum_coverage = 0.3;      // of a mode's reals over what real samples cover, (0, 1)
  double trend_drop = 0.2;            // share of the best by which a fall over 3 evaluations counts, (0, 1)
  Rollback rollback;
};

struct Checkpoints {
  int64_t every = 1000;  // steps; 0: only the last
  int64_t keep = 3;      // newest ones kept, >= 1
};

struct Images {
  int64_t every = 1000;  // steps; 0: only the last
  int64_t count = 64;    // pictures in a grid, >= 1
};

// How a GPU computes; not read on a CPU.
struct Gpu {
  // Each phase of a step is recorded once as a CUDA graph and replayed: the same bits, without the
  // time that launching its kernels one by one takes.
  bool graphs = true;
  // Of matrix products and convolutions: float32; tf32 (10 bits of mantissa, several times faster);
  // bfloat16 (networks compute in it by autocast; weights, losses, penalties and updates stay float32).
  std::string precision = "tf32";
  bool channels_last = false;  // images and convolution weights as NHWC
  // deterministic: the same bits in each run; fastest: the quickest algorithm that a trial finds.
  std::string convolutions = "deterministic";
};

// When a job that no longer moves is ended; of jobs of one rank nothing is watched.
struct Watchdog {
  double limit_s = 10.0;          // a rank that is frozen, cut off or behind is found within; 0: off
  double stage_limit_s = 1800.0;  // start, evaluation, checkpoint, ... without progress; 0: no limit
};

// What is compared over the ranks while they train.
struct Consistency {
  int64_t replicas_every = 500;   // steps; weights, moments and buffers are the same; 0: never
  int64_t nonfinite_limit = 100;  // updates in a row left out as not finite that end the run; 0: none
};

struct RunConfig {
  std::string name = "run";     // of the run folder: letters, digits, '_', '-', '.'
  uint64_t seed = 1;
  int64_t batch = 64;           // global: samples a step over all ranks; divisible by ranks * microbatches
  int64_t steps = 1000;         // >= 1
  std::string device = "auto";  // auto, cpu, cuda
  int64_t microbatches = 1;     // backward passes a rank's share is split into, >= 1
  // 0: off. Else a power of two: the batch is split into so many parts, each with a backward pass of
  // its own, whose gradients are added up as a fixed binary tree. The weights then have the same
  // bits on 1, 2, 4, ... ranks, up to the number of shards. On the CPU, with one thread a rank.
  int64_t deterministic_shards = 0;
  Data data;
  Family family;
  Exchange exchange;
  Diagnostics diagnostics;
  Verdict verdict;
  Checkpoints checkpoints;
  Images images;
  Gpu gpu;
  Watchdog watchdog;
  Consistency consistency;
};

}  // namespace allmodes::config
