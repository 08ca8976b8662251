#pragma once

// The configuration as the trainer sees it: plain values with their defaults, filled from the
// text-proto by config/load.h. A field is named three times in two files: in proto/allmodes/v1/
// run.proto, in its struct, and in the struct's description below it (config/rules.h), which says
// its range and its meaning. docs/configuration.md is printed from the descriptions.

#include <cstdint>
#include <string>
#include <vector>

#include "config/diagnostics_config.h"
#include "config/family_config.h"
#include "config/rules.h"

namespace allmodes::config {

// One component of a custom mixture.
struct Mode {
  std::vector<double> mean;
  double std = 0.05;
  double weight = 1.0;
};

template <class V, Is<Mode> T>
void describe(V& v, T& c) {
  v.list("mean", c.mean, kFinite, 2, "Two coordinates.");
  v.field("std", c.std, kPositive, "Standard deviation.");
  v.field("weight", c.weight, kPositive, "Relative to the other modes.");
}

// Where samples come from. Each data set declares which of the fields it reads (data/registry.cpp),
// and setting one that it does not read is an error.
struct Data {
  std::string dataset = "fashion_mnist";
  std::string path;
  std::string labels;
  int64_t samples = 100'000;
  int64_t image_size = 0;
  int64_t modes = 8;
  double radius = 1.0;
  double spacing = 2.0;
  double std = 0.05;
  std::vector<Mode> mode;
  int64_t prefetch = 2;
  bool memory_map = false;

  // Of pictures: what is read, and how it is made ready.
  std::string classes = "folders";
  std::string split = "auto";
  double held_out = 0.0;
  std::string fit = "pad";
  std::string filter = "auto";
  std::string colour = "auto";
  int64_t background = 0;
  std::string exif = "apply";
  bool flip = false;
  int64_t random_crop = 0;
  std::string order = "samples";
  int64_t window = 16'384;
  std::string fingerprint = "content";
  int64_t threads = 0;
  std::string cache = "auto";
  std::string on_damage = "refuse";
  double most_damaged = 0.01;
  int64_t largest_picture = 100;

  // Of arrays and tables.
  std::string range = "auto";
  std::string layout = "auto";
  std::string label_column;
  bool standardize = true;
};

template <class V, Is<Data> T>
void describe(V& v, T& c) {
  v.field("dataset", c.dataset, Registered{"data set"}, "Which data set.");
  v.field("path", c.path, Anything{},
          "File or folder of idx, npy and images; the folder of mnist and cifar10.");
  v.field("labels", c.labels, Anything{}, "idx, npy: labels file; empty: unlabelled.");
  v.field("samples", c.samples, kCount, "Mixtures, stacked_mnist: size of the fixed sample.");
  v.field("image_size", c.image_size, Range{.low = 0, .high = 16384},
          "Images are made this square, as `fit` says; 0: as stored.");
  v.field("modes", c.modes, kSize, "ring: modes on the circle; grid: a square number.");
  v.field("radius", c.radius, kPositive, "ring: of the circle.");
  v.field("spacing", c.spacing, kPositive, "grid: distance of neighbours.");
  v.field("std", c.std, kPositive, "ring, grid: standard deviation of each mode.");
  v.messages("mode", c.mode, "mixture: its components.");
  v.field("prefetch", c.prefetch, Range{.low = 1, .high = 1024}, "Batches prepared ahead.");
  v.field("memory_map", c.memory_map, Anything{},
          "Samples are read from the file as they are needed, not whole.");
  v.field("classes", c.classes, OneOf{"way to find classes", kClassSources},
          "images: whether subfolders are classes (folders) or only places (none).");
  v.field("split", c.split, Anything{},
          "images: the part of that name (train, val, test); auto: train, where there is one.");
  v.field("held_out", c.held_out, kDecayRate,
          "images: share that is held out, by a hash of each picture's name.");
  v.field("fit", c.fit, OneOf{"fit", kFits},
          "images: how a picture becomes square: padded, cropped to its middle, or as ADM crops.");
  v.field("filter", c.filter, OneOf{"filter", kFilters},
          "images: of resizing; auto: area, or lanczos where pictures are cropped.");
  v.field("colour", c.colour, OneOf{"colour", kColours},
          "images: auto: rgb as soon as one picture has colour.");
  v.field("background", c.background, Range{.low = 0, .high = 255},
          "images: grey under transparent pixels; 0 is black.");
  v.field("exif", c.exif, OneOf{"treatment", kExif},
          "images: whether the orientation that a camera wrote is applied.");
  v.field("flip", c.flip, Anything{},
          "images: each picture is mirrored with chance 1/2, by seed, epoch and sample.");
  v.field(
      "random_crop", c.random_crop, Range{.low = 0, .high = 16384},
      "images: made this square first; training shows a part image_size square, chosen by seed, "
      "epoch and sample, evaluations the middle; 0: none.");
  v.field("order", c.order, OneOf{"order", kOrders},
          "images: samples: all are mixed; shards: shards are, and samples within `window`.");
  v.field("window", c.window, kCount, "order shards: so many samples are read and mixed together.");
  v.field(
      "fingerprint", c.fingerprint, OneOf{"fingerprint", kFingerprints},
      "images: of what is in them, or of their names and sizes alone (index), without reading.");
  v.field("range", c.range, OneOf{"range", kValueRanges},
          "What an array's numbers mean: bytes, unit ([0, 1]) or signed ([-1, 1]).");
  v.field("layout", c.layout, OneOf{"layout", kLayouts},
          "Whether an array holds images or points.");
  v.field("threads", c.threads, Range{.low = 0, .high = 1024},
          "images: threads that decode, of each rank; 0: this rank's share of the processors.");
  v.field("cache", c.cache, OneOf{"cache", kCaches}, "images: where decoded pictures are kept.");
  v.field("on_damage", c.on_damage, OneOf{"treatment", kOnDamage},
          "images: refuse, or skip what cannot be read.");
  v.field("most_damaged", c.most_damaged, kShare, "on_damage skip: at most this share.");
  v.field("largest_picture", c.largest_picture, Range{.low = 1, .high = 4096},
          "images: millions of pixels; a larger picture is refused.");
  v.field("label_column", c.label_column, Anything{},
          "table: the column of classes; empty: unlabelled.");
  v.field("standardize", c.standardize, Anything{},
          "table: each column is brought to mean 0 and deviation 1.");
}

// Buckets of the gradient exchange.
struct Exchange {
  double bucket_mib = 25.0;
  double first_bucket_mib = 1.0;
  std::string precision = "float32";
};

template <class V, Is<Exchange> T>
void describe(V& v, T& c) {
  // 1 TiB: a bucket's bytes stay exact in a double and far from overflow.
  constexpr Range kBucket{.low = 0, .high = 1 << 20, .open_low = true};
  v.field("bucket_mib", c.bucket_mib, kBucket, "MiB of gradients that are exchanged together.");
  v.field("first_bucket_mib", c.first_bucket_mib, kBucket, "MiB of the first and the last bucket.");
  v.field("precision", c.precision, OneOf{"precision", kExchangePrecisions},
          "Of what travels between nodes without GPUs; bfloat16: half the bytes, each sum is still "
          "taken in float32.");
}

// Of on_collapse "rollback": at most `limit` times the run goes back to its last healthy checkpoint
// (to its start where there is none) and each time applies every adjustment once more; then it
// stops.
struct Rollback {
  int64_t limit = 3;
  double learning_rate = 1.0;
  double discriminator_learning_rate = 1.0;
  int64_t discriminator_steps = 0;
  double penalty_weight = 1.0;
  double instance_noise = 0.0;
  double kl_weight = 1.0;
};

template <class V, Is<Rollback> T>
void describe(V& v, T& c) {
  v.field("limit", c.limit, kCount, "Rollbacks of a run.");
  v.field("learning_rate", c.learning_rate, kPositive, "Factor of every learning rate.");
  v.field("discriminator_learning_rate", c.discriminator_learning_rate, kPositive,
          "Further factor of the discriminator's.");
  v.field("discriminator_steps", c.discriminator_steps, Range{.low = 0, .high = 1024},
          "Added to discriminator_steps.");
  v.field("penalty_weight", c.penalty_weight, kPositive, "Factor of every penalty's weight.");
  v.field("instance_noise", c.instance_noise, kNotNegative, "Added to instance_noise.");
  v.field("kl_weight", c.kl_weight, kNotNegative, "Factor of the weight of the KL term.");
}

struct Verdict {
  std::string on_collapse = "warn";
  double significance = 1e-3;
  double dropped_share = 0.1;
  double imbalance_kl = 0.15;
  double minimum_high_quality = 0.5;
  double minimum_r2 = 0.05;
  double minimum_kl = 0.05;
  int64_t grace_steps = 0;
  int64_t witnesses = 2;
  int64_t confirmations = 2;
  int64_t window = 3;
  double minimum_spread = 0.5;
  double minimum_coverage = 0.3;
  double trend_drop = 0.2;
  double minimum_code_use = 0.55;
  Rollback rollback;
};

template <class V, Is<Verdict> T>
void describe(V& v, T& c) {
  v.field("on_collapse", c.on_collapse, OneOf{"action", kOnCollapse},
          "What a run does when the verdict is `collapsed`.");
  v.field("significance", c.significance, kOpenShare,
          "Probability of a false alarm an evaluation, over all its statistics.");
  v.field("dropped_share", c.dropped_share, kOpenShare,
          "A mode below this share of its expectation is missing.");
  v.field("imbalance_kl", c.imbalance_kl, kPositive,
          "Nats above the sampling floor from which modes are out of balance (mode_imbalance).");
  v.field("minimum_high_quality", c.minimum_high_quality, kShare,
          "Mixtures: a smaller share of samples near a mode is at_risk.");
  v.field("minimum_r2", c.minimum_r2, kShare,
          "Autoencoders: a smaller explained share of the variance is mean_collapse.");
  v.field("minimum_kl", c.minimum_kl, kNotNegative,
          "VAE: fewer nats in all are posterior_collapse.");
  v.field("grace_steps", c.grace_steps, kCountOrZero,
          "Steps during which nothing worse than at_risk is said.");
  v.field("witnesses", c.witnesses, Range{.low = 1, .high = 4},
          "Independent witnesses that `collapsed` needs.");
  v.field("confirmations", c.confirmations, kSize,
          "Evaluations that must say so, of the last `window`.");
  v.field("window", c.window, kSize,
          "Last evaluations that are looked at; at least `confirmations`.");
  v.field("minimum_spread", c.minimum_spread, kOpenShare,
          "Least spread of a mode in its narrowest direction, over the data's.");
  v.field("minimum_coverage", c.minimum_coverage, kOpenShare,
          "Least coverage of a mode's reals, over what real samples cover.");
  v.field("trend_drop", c.trend_drop, kOpenShare,
          "A fall over three evaluations counts from this share of the best on.");
  v.field("minimum_code_use", c.minimum_code_use, kOpenShare,
          "Codebooks: a smaller share in use, of the codes that so many draws could use, is "
          "codebook_collapse; from halfway between it and 1 on at_risk.");
  v.message("rollback", c.rollback, "What on_collapse \"rollback\" changes.");
}

struct Checkpoints {
  int64_t every = 1000;
  double every_s = 0;
  int64_t keep = 3;
  double wait_for_space_s = 300;
};

template <class V, Is<Checkpoints> T>
void describe(V& v, T& c) {
  v.field("every", c.every, kCountOrZero,
          "Steps from one checkpoint to the next; 0: only the last.");
  v.field(
      "every_s", c.every_s, Range{.low = 1, .high = kMostSeconds, .or_zero = true},
      "Seconds from one checkpoint to the next, which bounds what a loss costs; beside `every`, "
      "whichever comes first. 0: steps alone count.");
  v.field("keep", c.keep, kCount, "Newest ones kept.");
  v.field("wait_for_space_s", c.wait_for_space_s, Range{.low = 0, .high = kMostSeconds},
          "How many seconds the disk, or the quota, may be full: checkpoints and records are tried "
          "again while the training goes on, then the run ends with 74. At most half of "
          "watchdog.stage_limit_s.");
}

struct Images {
  int64_t every = 1000;
  int64_t count = 64;
};

template <class V, Is<Images> T>
void describe(V& v, T& c) {
  v.field("every", c.every, kCountOrZero, "Steps from one picture to the next; 0: only the last.");
  v.field("count", c.count, kSize, "Samples in a picture.");
}

struct Records {
  bool tensorboard = true;
};

template <class V, Is<Records> T>
void describe(V& v, T& c) {
  v.field("tensorboard", c.tensorboard, Anything{},
          "Event files for TensorBoard beside records.jsonl, in the run folder's tensorboard/.");
}

struct Gpu {
  bool graphs = true;
  std::string precision = "tf32";
  bool channels_last = false;
  std::string convolutions = "deterministic";
};

template <class V, Is<Gpu> T>
void describe(V& v, T& c) {
  v.field("graphs", c.graphs, Anything{},
          "Each phase of a step is recorded once as a CUDA graph and replayed: the same bits, "
          "without the time that launching its kernels one by one takes.");
  v.field("precision", c.precision, OneOf{"precision", kPrecisions},
          "Of matrix products and convolutions. tf32: 10 bits of mantissa, several times faster; "
          "bfloat16: networks compute in it by autocast; weights, losses, penalties and updates "
          "stay float32.");
  v.field("channels_last", c.channels_last, Anything{},
          "Images and convolution weights are stored as NHWC.");
  v.field("convolutions", c.convolutions, OneOf{"choice of convolutions", kConvolutions},
          "deterministic: the same bits in each run; fastest: the quickest algorithm that a trial "
          "finds.");
}

struct Watchdog {
  double limit_s = 10.0;
  double stage_limit_s = 1800.0;
};

template <class V, Is<Watchdog> T>
void describe(V& v, T& c) {
  v.field("limit_s", c.limit_s, Range{.low = 1, .high = kMostSeconds, .or_zero = true},
          "Seconds within which a rank that is frozen, cut off or behind is found; 0: off.");
  v.field(
      "stage_limit_s", c.stage_limit_s, Range{.low = 1, .high = 1e7, .or_zero = true},
      "Seconds that start, evaluation, checkpoint and the like may take without progress; 0: no "
      "limit.");
}

struct Consistency {
  int64_t replicas_every = 500;
  int64_t nonfinite_limit = 100;
};

template <class V, Is<Consistency> T>
void describe(V& v, T& c) {
  v.field("replicas_every", c.replicas_every, kCountOrZero,
          "Steps after which weights, moments and buffers of all ranks are compared; 0: never.");
  v.field("nonfinite_limit", c.nonfinite_limit, kCountOrZero,
          "Updates in a row that were skipped because they were not finite, that end the run; 0: "
          "none.");
}

struct RunConfig {
  std::string name = "run";
  uint64_t seed = 1;
  int64_t batch = 64;
  int64_t steps = 1000;
  std::string device = "auto";
  int64_t microbatches = 1;
  int64_t deterministic_shards = 0;
  Data data;
  Family family;
  Exchange exchange;
  Diagnostics diagnostics;
  Verdict verdict;
  Checkpoints checkpoints;
  Images images;
  Records records;
  Gpu gpu;
  Watchdog watchdog;
  Consistency consistency;
};

template <class V, Is<RunConfig> T>
void describe(V& v, T& c) {
  v.field("name", c.name, FolderName{}, "Of the run's folder.");
  v.field("seed", c.seed, Anything{}, "Of all random numbers.");
  v.field("batch", c.batch, Range{.low = 1, .high = 1 << 30},
          "Samples a step over all ranks; divisible by ranks times microbatches.");
  v.field("steps", c.steps, kCount, "Length of the run.");
  v.field("device", c.device, OneOf{"device", kDevices}, "auto: a GPU where there is one.");
  v.field("microbatches", c.microbatches, kCount,
          "Backward passes that a rank's share of the batch is split into.");
  v.field(
      "deterministic_shards", c.deterministic_shards, kCountOrZero,
      "0: off. A power of two: the batch is split into so many parts, each with a backward pass "
      "of its own, whose gradients are added up as a fixed binary tree, so that the weights have "
      "the same bits on 1, 2, 4, ... ranks, up to the number of shards. On the CPU, with one "
      "thread a rank.");
  v.message("data", c.data, "Where samples come from.");
  v.oneof("family", c.family);
  v.message("exchange", c.exchange, "Buckets of the gradient exchange.");
  v.message("diagnostics", c.diagnostics, "What is measured, and when.");
  v.message("verdict", c.verdict, "When a run is called collapsed, and what is done.");
  v.message("checkpoints", c.checkpoints, "When the run is saved.");
  v.message("images", c.images, "Pictures of samples.");
  v.message("records", c.records, "What is written beside records.jsonl.");
  v.message("gpu", c.gpu, "How a GPU computes; not read on a CPU.");
  v.message("watchdog", c.watchdog,
            "When a job that no longer moves is ended; of one rank only by stage_limit_s.");
  v.message("consistency", c.consistency, "What is compared over the ranks while they train.");
}

}  // namespace allmodes::config
