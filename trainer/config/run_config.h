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
  std::string path;            // file or folder (idx, npy, images; mnist: its folder)
  std::string labels;          // labels file (idx, npy); empty: unlabelled
  int64_t samples = 100'000;   // mixtures: size of the fixed sample, >= 1
  int64_t image_size = 0;      // images: zero-padded (or area-averaged) to this square; 0: as stored
  int64_t modes = 8;           // ring: modes on the circle, >= 1; grid: a square number
  double radius = 1.0;         // ring, > 0
  double spacing = 2.0;        // grid: distance of neighbours, > 0
  double std = 0.05;           // ring, grid: of each mode, > 0
  std::vector<Mode> mode;      // mixture: its components
  int64_t prefetch = 2;        // batches prepared ahead, >= 1
};

struct Latent {
  int64_t dimension = 64;               // >= 1
  std::string distribution = "normal";  // normal: N(0, I); uniform: U(-1, 1)
};

// ---- layers of a custom network ------------------------------------------------------------

struct Linear {
  int64_t units = 0;  // >= 1, required
  bool bias = true;
};

struct Convolution {
  int64_t channels = 0;  // >= 1, required
  int64_t kernel = 3;    // >= 1
  int64_t stride = 1;    // >= 1
  int64_t padding = 0;   // >= 0
  bool bias = true;
};

struct TransposedConvolution {
  int64_t channels = 0;  // >= 1, required
  int64_t kernel = 4;    // >= 1
  int64_t stride = 2;    // >= 1
  int64_t padding = 1;   // >= 0
  int64_t output_padding = 0;  // >= 0, < stride
  bool bias = true;
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

// x + layers(x); the inner layers must keep the shape.
struct Residual {
  std::vector<Layer> layers;
};

struct Layer {
  std::variant<std::monostate, Linear, Convolution, TransposedConvolution, BatchNorm, Activation,
               Maxout, Reshape, Flatten, Residual>
      kind;
};

// A named architecture (networks/registry.cpp; each declares which fields it reads), or an own
// list of layers.
struct Network {
  std::string architecture = "mlp";
  int64_t width = 128;                 // mlp: units a layer; dcgan: channels of the widest-image layer
  int64_t depth = 3;                   // mlp: hidden layers, >= 1
  std::string activation = "relu";     // of hidden layers
  std::string norm = "none";           // none, batch, sync_batch
  int64_t maxout_pieces = 0;           // mlp: 0 or >= 2; replaces linear + activation
  bool bias = true;                    // of hidden linear layers
  std::string output_activation = "";  // "": what the family needs
  std::string initialization = "kaiming_uniform";  // kaiming_uniform, normal_002
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

struct Gan {
  std::string loss = "non_saturating";  // objectives/registry.cpp
  Latent latent;
  Network generator;
  Network discriminator;
  Optimizer generator_optimizer;
  Optimizer discriminator_optimizer;
  int64_t discriminator_steps = 1;  // D steps a G step, >= 1
  std::vector<Penalty> penalty;
};

struct Vae {
  Latent latent;  // distribution: normal only
  Network encoder;
  Network decoder;
  Optimizer optimizer{.learning_rate = 1e-3, .beta1 = 0.9};
  std::string likelihood = "bernoulli";  // bernoulli, gaussian (objectives/registry.cpp)
  double variance = 1.0;                 // gaussian: of the decoder, > 0
  double beta = 1.0;                     // weight of the KL term, >= 0
};

using Family = std::variant<std::monostate, Gan, Vae>;

// Buckets of the gradient exchange.
struct Exchange {
  double bucket_mib = 25.0;       // > 0
  double first_bucket_mib = 1.0;  // > 0: the first and last bucket are this small
};

struct Diagnostics {
  int64_t log_every = 50;        // steps, >= 1
  int64_t evaluate_every = 1000; // steps, >= 1
  int64_t samples = 2500;        // of the averaged generator an evaluation, >= 2
  int64_t diversity_pairs = 256; // pairs a log step for the batch diversity, >= 1
  bool classifier = true;        // labelled images: train a small classifier for the mode histogram
};

struct Verdict {
  std::string on_collapse = "warn";   // warn, stop
  double significance = 1e-3;         // false alarms an evaluation and statistic, (0, 1)
  double dropped_share = 0.1;         // a mode below this share of its expectation is missing, (0, 1)
  double imbalance_kl = 0.15;         // nats above the sampling floor: mode_imbalance, > 0
  double minimum_high_quality = 0.5;  // mixtures: below it, at_risk, [0, 1]
  double minimum_r2 = 0.05;           // autoencoders: below it, mean_collapse, [0, 1]
  double minimum_kl = 0.05;           // VAE: nats in all; below it, posterior_collapse, >= 0
  int64_t grace_steps = 0;            // steps during which nothing worse than at_risk is said, >= 0
};

struct Checkpoints {
  int64_t every = 1000;  // steps; 0: only the last
  int64_t keep = 3;      // newest ones kept, >= 1
};

struct Images {
  int64_t every = 1000;  // steps; 0: only the last
  int64_t count = 64;    // pictures in a grid, >= 1
};

struct RunConfig {
  std::string name = "run";     // of the run folder: letters, digits, '_', '-', '.'
  uint64_t seed = 1;
  int64_t batch = 64;           // global: samples a step over all ranks; divisible by ranks * microbatches
  int64_t steps = 1000;         // >= 1
  std::string device = "auto";  // auto, cpu, cuda
  int64_t microbatches = 1;     // backward passes a rank's share is split into, >= 1
  Data data;
  Family family;
  Exchange exchange;
  Diagnostics diagnostics;
  Verdict verdict;
  Checkpoints checkpoints;
  Images images;
};

// "gan", "vae".
std::string family_name(const RunConfig& config);

}  // namespace allmodes::config
