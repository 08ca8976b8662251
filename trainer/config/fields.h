#pragma once

// The one list of fields. `describe(visitor, struct)` names every field of a struct with the range
// it must lie in; reading a message, writing one and checking ranges (config/convert.cpp) all walk
// this list, so a field is added here, in run_config.h and in run.proto, and nowhere else.
//
// A visitor has
//   field(name, value, rule)               a number, a truth value or a text
//   list(name, vector, rule, count)        numbers; `count` entries, or at least one where it is 0
//   message(name, struct)                  a block
//   messages(name, vector of structs)      repeated blocks
//   oneof(what, variant, Alternative<S>...)  at most one of several blocks

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "config/run_config.h"

namespace allmodes::config {

// No rule: truth values, and names that a registry elsewhere checks.
struct Anything {};

// A finite number in an interval; `or_zero` adds 0.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open_low = false;
  bool open_high = false;
  bool or_zero = false;
};

// One of a fixed list of names; `what` says in messages what they name.
struct OneOf {
  std::string_view what;
  std::span<const std::string_view> names;
};

// A part of a folder name: 1 to 100 letters, digits, '_', '-' and '.'.
struct FolderName {};

template <class S>
struct Alternative {
  using Type = S;
  std::string_view name;
};

// T is S or const S: one description serves reading and writing.
template <class T, class S>
concept Is = std::same_as<std::remove_const_t<T>, S>;

// Upper ends keep products of two sizes within int64 and step numbers within random.h's 2^48.
inline constexpr double kMostCount = 281'474'976'710'655.0;
inline constexpr double kMostSize = 1 << 20;
inline constexpr Range kFinite{};
inline constexpr Range kPositive{.low = 0, .open_low = true};
inline constexpr Range kNotNegative{.low = 0};
inline constexpr Range kCount{.low = 1, .high = kMostCount};
inline constexpr Range kCountOrZero{.low = 0, .high = kMostCount};
inline constexpr Range kSize{.low = 1, .high = kMostSize};
inline constexpr Range kSizeOrZero{.low = 0, .high = kMostSize};
inline constexpr Range kShare{.low = 0, .high = 1};
inline constexpr Range kOpenShare{.low = 0, .high = 1, .open_low = true, .open_high = true};
inline constexpr Range kDecayRate{.low = 0, .high = 1, .open_high = true};

inline constexpr std::array<std::string_view, 7> kActivations{
    "relu", "leaky_relu", "tanh", "sigmoid", "elu", "softplus", "silu"};
// The output's: "" leaves it to the family.
inline constexpr std::array<std::string_view, 9> kOutputActivations{
    "", "none", "relu", "leaky_relu", "tanh", "sigmoid", "elu", "softplus", "silu"};
inline constexpr std::array<std::string_view, 4> kDistributions{"normal", "uniform", "sphere",
                                                                "mixture"};
inline constexpr std::array<std::string_view, 2> kClassSources{"folders", "none"};
inline constexpr std::array<std::string_view, 3> kFits{"pad", "crop", "adm"};
inline constexpr std::array<std::string_view, 6> kFilters{"auto",     "area",    "box",
                                                          "bilinear", "bicubic", "lanczos"};
inline constexpr std::array<std::string_view, 3> kColours{"auto", "grey", "rgb"};
inline constexpr std::array<std::string_view, 2> kExif{"apply", "ignore"};
inline constexpr std::array<std::string_view, 4> kValueRanges{"auto", "bytes", "unit", "signed"};
inline constexpr std::array<std::string_view, 3> kLayouts{"auto", "images", "points"};
inline constexpr std::array<std::string_view, 4> kCaches{"auto", "memory", "disk", "none"};
inline constexpr std::array<std::string_view, 2> kOnDamage{"refuse", "skip"};
inline constexpr std::array<std::string_view, 2> kStatistics{"local", "global"};
inline constexpr std::array<std::string_view, 6> kNorms{"none",  "batch",    "sync_batch",
                                                        "layer", "instance", "group"};
inline constexpr std::array<std::string_view, 2> kUpsampling{"nearest", "bilinear"};
inline constexpr std::array<std::string_view, 2> kReductions{"mean", "sum"};
inline constexpr std::array<std::string_view, 3> kConditionings{"none", "projection",
                                                                "concatenation"};
inline constexpr std::array<std::string_view, 3> kKlSchedules{"constant", "linear", "cyclical"};
inline constexpr std::array<std::string_view, 2> kPosteriors{"deterministic", "gaussian"};
inline constexpr std::array<std::string_view, 2> kKernels{"imq", "rbf"};
inline constexpr std::array<std::string_view, 3> kDivergences{"forward_kl", "reverse_kl",
                                                              "jensen_shannon"};
inline constexpr std::array<std::string_view, 2> kInitializations{"kaiming_uniform", "normal_002"};
inline constexpr std::array<std::string_view, 3> kDecays{"none", "linear", "cosine"};
inline constexpr std::array<std::string_view, 3> kOnCollapse{"warn", "stop", "rollback"};
inline constexpr std::array<std::string_view, 2> kExchangePrecisions{"float32", "bfloat16"};
inline constexpr std::array<std::string_view, 5> kSampleMetrics{"off", "pixels", "pca",
                                                                "random_conv", "classifier"};
inline constexpr std::array<std::string_view, 3> kPrecisions{"float32", "tf32", "bfloat16"};
inline constexpr std::array<std::string_view, 2> kConvolutions{"deterministic", "fastest"};
inline constexpr std::array<std::string_view, 3> kDevices{"auto", "cpu", "cuda"};

template <class V, Is<Mode> T>
void describe(V& v, T& c) {
  v.list("mean", c.mean, kFinite, 2);
  v.field("std", c.std, kPositive);
  v.field("weight", c.weight, kPositive);
}

template <class V, Is<Data> T>
void describe(V& v, T& c) {
  v.field("dataset", c.dataset, Anything{});
  v.field("path", c.path, Anything{});
  v.field("labels", c.labels, Anything{});
  v.field("samples", c.samples, kCount);
  v.field("image_size", c.image_size, Range{.low = 0, .high = 16384});
  v.field("modes", c.modes, kSize);
  v.field("radius", c.radius, kPositive);
  v.field("spacing", c.spacing, kPositive);
  v.field("std", c.std, kPositive);
  v.messages("mode", c.mode);
  v.field("prefetch", c.prefetch, Range{.low = 1, .high = 1024});
  v.field("memory_map", c.memory_map, Anything{});
  v.field("classes", c.classes, OneOf{"way to find classes", kClassSources});
  v.field("split", c.split, Anything{});
  v.field("held_out", c.held_out, kDecayRate);
  v.field("fit", c.fit, OneOf{"fit", kFits});
  v.field("filter", c.filter, OneOf{"filter", kFilters});
  v.field("colour", c.colour, OneOf{"colour", kColours});
  v.field("background", c.background, Range{.low = 0, .high = 255});
  v.field("exif", c.exif, OneOf{"treatment", kExif});
  v.field("flip", c.flip, Anything{});
  v.field("range", c.range, OneOf{"range", kValueRanges});
  v.field("layout", c.layout, OneOf{"layout", kLayouts});
  v.field("threads", c.threads, Range{.low = 0, .high = 1024});
  v.field("cache", c.cache, OneOf{"cache", kCaches});
  v.field("on_damage", c.on_damage, OneOf{"treatment", kOnDamage});
  v.field("most_damaged", c.most_damaged, kShare);
  v.field("largest_picture", c.largest_picture, Range{.low = 1, .high = 4096});
  v.field("label_column", c.label_column, Anything{});
  v.field("standardize", c.standardize, Anything{});
}

template <class V, Is<Latent> T>
void describe(V& v, T& c) {
  v.field("dimension", c.dimension, kSize);
  v.field("distribution", c.distribution, OneOf{"distribution", kDistributions});
  v.field("components", c.components, kSize);
  v.field("radius", c.radius, kPositive);
  v.field("std", c.std, kPositive);
}

template <class V, Is<Linear> T>
void describe(V& v, T& c) {
  v.field("units", c.units, kSize);
  v.field("bias", c.bias, Anything{});
  v.field("spectral_norm", c.spectral_norm, Anything{});
}

template <class V, Is<Convolution> T>
void describe(V& v, T& c) {
  v.field("channels", c.channels, kSize);
  v.field("kernel", c.kernel, kSize);
  v.field("stride", c.stride, kSize);
  v.field("padding", c.padding, kSizeOrZero);
  v.field("bias", c.bias, Anything{});
  v.field("groups", c.groups, kSize);
  v.field("spectral_norm", c.spectral_norm, Anything{});
}

template <class V, Is<TransposedConvolution> T>
void describe(V& v, T& c) {
  v.field("channels", c.channels, kSize);
  v.field("kernel", c.kernel, kSize);
  v.field("stride", c.stride, kSize);
  v.field("padding", c.padding, kSizeOrZero);
  v.field("output_padding", c.output_padding, kSizeOrZero);
  v.field("bias", c.bias, Anything{});
  v.field("spectral_norm", c.spectral_norm, Anything{});
}

template <class V, Is<BatchNorm> T>
void describe(V& v, T& c) {
  v.field("statistics", c.statistics, OneOf{"statistics", kStatistics});
  v.field("momentum", c.momentum, Range{.low = 0, .high = 1, .open_low = true});
  v.field("epsilon", c.epsilon, kPositive);
}

template <class V, Is<Activation> T>
void describe(V& v, T& c) {
  v.field("function", c.function, OneOf{"activation", kActivations});
  v.field("slope", c.slope, kNotNegative);
}

template <class V, Is<Maxout> T>
void describe(V& v, T& c) {
  v.field("units", c.units, kSize);
  v.field("pieces", c.pieces, Range{.low = 2, .high = kMostSize});
  v.field("bias", c.bias, Anything{});
}

template <class V, Is<Reshape> T>
void describe(V& v, T& c) {
  v.list("shape", c.shape, kSize, 0);
}

template <class V, Is<Flatten> T>
void describe(V&, T&) {}

template <class V, Is<Residual> T>
void describe(V& v, T& c) {
  v.messages("layers", c.layers);
  v.messages("shortcut", c.shortcut);
}

template <class V, Is<LayerNorm> T>
void describe(V& v, T& c) {
  v.field("epsilon", c.epsilon, kPositive);
}

template <class V, Is<InstanceNorm> T>
void describe(V& v, T& c) {
  v.field("epsilon", c.epsilon, kPositive);
}

template <class V, Is<GroupNorm> T>
void describe(V& v, T& c) {
  v.field("groups", c.groups, kSize);
  v.field("epsilon", c.epsilon, kPositive);
}

template <class V, Is<Upsample> T>
void describe(V& v, T& c) {
  v.field("factor", c.factor, Range{.low = 2, .high = 64});
  v.field("mode", c.mode, OneOf{"mode", kUpsampling});
}

template <class V, Is<Downsample> T>
void describe(V& v, T& c) {
  v.field("factor", c.factor, Range{.low = 2, .high = 64});
}

template <class V, Is<GlobalPool> T>
void describe(V& v, T& c) {
  v.field("reduction", c.reduction, OneOf{"reduction", kReductions});
}

template <class V, Is<Dropout> T>
void describe(V& v, T& c) {
  v.field("rate", c.rate, kDecayRate);
}

template <class V, Is<SelfAttention> T>
void describe(V& v, T& c) {
  v.field("reduction", c.reduction, kSize);
}

template <class V, Is<ClassConcatenation> T>
void describe(V& v, T& c) {
  v.field("dimension", c.dimension, kSize);
}

template <class V, Is<ClassProjection> T>
void describe(V&, T&) {}

template <class V, Is<MinibatchStddev> T>
void describe(V& v, T& c) {
  v.field("group", c.group, Range{.low = 2, .high = kMostSize});
}

template <class V, Is<MinibatchDiscrimination> T>
void describe(V& v, T& c) {
  v.field("features", c.features, kSize);
  v.field("dimension", c.dimension, kSize);
  v.field("statistics", c.statistics, OneOf{"statistics", kStatistics});
}

template <class V, Is<Layer> T>
void describe(V& v, T& c) {
  v.oneof("layer", c.kind, Alternative<Linear>{"linear"}, Alternative<Convolution>{"convolution"},
          Alternative<TransposedConvolution>{"transposed_convolution"},
          Alternative<BatchNorm>{"batch_norm"}, Alternative<Activation>{"activation"},
          Alternative<Maxout>{"maxout"}, Alternative<Reshape>{"reshape"},
          Alternative<Flatten>{"flatten"}, Alternative<Residual>{"residual"},
          Alternative<LayerNorm>{"layer_norm"}, Alternative<InstanceNorm>{"instance_norm"},
          Alternative<GroupNorm>{"group_norm"}, Alternative<Upsample>{"upsample"},
          Alternative<Downsample>{"downsample"}, Alternative<GlobalPool>{"global_pool"},
          Alternative<Dropout>{"dropout"}, Alternative<SelfAttention>{"self_attention"},
          Alternative<ClassConcatenation>{"class_concatenation"},
          Alternative<ClassProjection>{"class_projection"},
          Alternative<MinibatchStddev>{"minibatch_stddev"},
          Alternative<MinibatchDiscrimination>{"minibatch_discrimination"});
}

template <class V, Is<Network> T>
void describe(V& v, T& c) {
  v.field("architecture", c.architecture, Anything{});
  v.field("width", c.width, kSize);
  v.field("depth", c.depth, Range{.low = 1, .high = 1024});
  v.field("activation", c.activation, OneOf{"activation", kActivations});
  v.field("norm", c.norm, OneOf{"norm", kNorms});
  v.field("maxout_pieces", c.maxout_pieces, Range{.low = 2, .high = kMostSize, .or_zero = true});
  v.field("bias", c.bias, Anything{});
  v.field("output_activation", c.output_activation, OneOf{"activation", kOutputActivations});
  v.field("initialization", c.initialization, OneOf{"initialization", kInitializations});
  v.field("spectral_norm", c.spectral_norm, Anything{});
  v.field("dropout", c.dropout, kDecayRate);
  v.field("minibatch_stddev", c.minibatch_stddev,
          Range{.low = 2, .high = kMostSize, .or_zero = true});
  v.field("minibatch_features", c.minibatch_features, kSizeOrZero);
  v.messages("layers", c.layers);
}

template <class V, Is<Optimizer> T>
void describe(V& v, T& c) {
  v.field("learning_rate", c.learning_rate, kPositive);
  v.field("beta1", c.beta1, kDecayRate);
  v.field("beta2", c.beta2, kDecayRate);
  v.field("epsilon", c.epsilon, kPositive);
  v.field("weight_decay", c.weight_decay, kNotNegative);
  v.field("warmup_steps", c.warmup_steps, kCountOrZero);
  v.field("decay", c.decay, OneOf{"decay", kDecays});
  v.field("clip_norm", c.clip_norm, kNotNegative);
  v.field("ema_decay", c.ema_decay, kDecayRate);
}

template <class V, Is<Penalty> T>
void describe(V& v, T& c) {
  v.field("kind", c.kind, Anything{});
  v.field("weight", c.weight, kPositive);
  v.field("interval", c.interval, kCount);
}

// Of every family with a discriminator.
template <class V, class T>
void describe_adversarial(V& v, T& c) {
  v.field("loss", c.loss, Anything{});
  v.message("discriminator", c.discriminator);
  v.message("discriminator_optimizer", c.discriminator_optimizer);
  v.field("discriminator_steps", c.discriminator_steps, kCount);
  v.messages("penalty", c.penalty);
  v.field("packing", c.packing, kSize);
  v.field("unrolled_steps", c.unrolled_steps, Range{.low = 0, .high = 1024});
  v.field("weight_clip", c.weight_clip, kNotNegative);
  v.field("label_smoothing", c.label_smoothing, Range{.low = 0, .high = 0.5, .open_high = true});
  v.field("instance_noise", c.instance_noise, kNotNegative);
  v.field("instance_noise_steps", c.instance_noise_steps, kCountOrZero);
  v.field("augment", c.augment, Anything{});
}

// Of every family with an encoder and a decoder.
template <class V, class T>
void describe_autoencoder(V& v, T& c) {
  v.message("latent", c.latent);
  v.message("encoder", c.encoder);
  v.message("decoder", c.decoder);
  v.message("optimizer", c.optimizer);
  v.field("likelihood", c.likelihood, Anything{});
  v.field("variance", c.variance, kPositive);
}

template <class V, Is<Gan> T>
void describe(V& v, T& c) {
  v.message("latent", c.latent);
  v.message("generator", c.generator);
  v.message("generator_optimizer", c.generator_optimizer);
  v.field("mode_seeking", c.mode_seeking, kNotNegative);
  v.field("conditioning", c.conditioning, OneOf{"conditioning", kConditionings});
  v.field("generator_steps", c.generator_steps, Range{.low = 1, .high = 1024});
  describe_adversarial(v, c);
}

template <class V, Is<Vae> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("beta", c.beta, kNotNegative);
  v.field("kl_schedule", c.kl_schedule, OneOf{"schedule", kKlSchedules});
  v.field("kl_warmup_steps", c.kl_warmup_steps, kCountOrZero);
  v.field("free_bits", c.free_bits, kNotNegative);
  v.field("importance_samples", c.importance_samples, Range{.low = 1, .high = 10'000});
  v.field("total_correlation", c.total_correlation, kNotNegative);
  v.field("inference_steps", c.inference_steps, Range{.low = 0, .high = 10'000});
  v.field("inference_until", c.inference_until, kCountOrZero);
  v.field("conditional", c.conditional, Anything{});
}

template <class V, Is<Aae> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("posterior", c.posterior, OneOf{"posterior", kPosteriors});
  v.message("code_optimizer", c.code_optimizer);
  describe_adversarial(v, c);
}

template <class V, Is<Kernel> T>
void describe(V& v, T& c) {
  v.field("kind", c.kind, OneOf{"kernel", kKernels});
  v.field("scale", c.scale, kPositive);
}

template <class V, Is<InfoVae> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("alpha", c.alpha, kFinite);
  v.field("lambda", c.lambda, kNotNegative);
  v.message("kernel", c.kernel);
}

template <class V, Is<WaeMmd> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("posterior", c.posterior, OneOf{"posterior", kPosteriors});
  v.field("lambda", c.lambda, kNotNegative);
  v.message("kernel", c.kernel);
}

template <class V, Is<WaeGan> T>
void describe(V& v, T& c) {
  describe_autoencoder(v, c);
  v.field("posterior", c.posterior, OneOf{"posterior", kPosteriors});
  v.field("lambda", c.lambda, kNotNegative);
  describe_adversarial(v, c);
}

template <class V, Is<Fit> T>
void describe(V& v, T& c) {
  v.field("divergence", c.divergence, OneOf{"divergence", kDivergences});
  v.field("components", c.components, kSize);
  v.field("spread", c.spread, kPositive);
  v.message("optimizer", c.optimizer);
}

template <class V, Is<Exchange> T>
void describe(V& v, T& c) {
  // 1 TiB: a bucket's bytes stay exact in a double and far from overflow.
  v.field("bucket_mib", c.bucket_mib, Range{.low = 0, .high = 1 << 20, .open_low = true});
  v.field("first_bucket_mib", c.first_bucket_mib,
          Range{.low = 0, .high = 1 << 20, .open_low = true});
  v.field("precision", c.precision, OneOf{"precision", kExchangePrecisions});
}

template <class V, Is<Diagnostics> T>
void describe(V& v, T& c) {
  v.field("log_every", c.log_every, kCount);
  v.field("evaluate_every", c.evaluate_every, kCount);
  v.field("samples", c.samples, Range{.low = 2, .high = kMostCount});
  v.field("diversity_pairs", c.diversity_pairs, kCount);
  v.field("classifier", c.classifier, Anything{});
  v.field("calibration_draws", c.calibration_draws, Range{.low = 50, .high = 100'000});
  v.field("sample_metrics", c.sample_metrics, OneOf{"kind of features", kSampleMetrics});
}

template <class V, Is<Rollback> T>
void describe(V& v, T& c) {
  v.field("limit", c.limit, kCount);
  v.field("learning_rate", c.learning_rate, kPositive);
  v.field("discriminator_learning_rate", c.discriminator_learning_rate, kPositive);
  v.field("discriminator_steps", c.discriminator_steps, Range{.low = 0, .high = 1024});
  v.field("penalty_weight", c.penalty_weight, kPositive);
  v.field("instance_noise", c.instance_noise, kNotNegative);
  v.field("kl_weight", c.kl_weight, kNotNegative);
}

template <class V, Is<Verdict> T>
void describe(V& v, T& c) {
  v.field("on_collapse", c.on_collapse, OneOf{"action", kOnCollapse});
  v.field("significance", c.significance, kOpenShare);
  v.field("dropped_share", c.dropped_share, kOpenShare);
  v.field("imbalance_kl", c.imbalance_kl, kPositive);
  v.field("minimum_high_quality", c.minimum_high_quality, kShare);
  v.field("minimum_r2", c.minimum_r2, kShare);
  v.field("minimum_kl", c.minimum_kl, kNotNegative);
  v.field("grace_steps", c.grace_steps, kCountOrZero);
  v.field("witnesses", c.witnesses, Range{.low = 1, .high = 4});
  v.field("confirmations", c.confirmations, kSize);
  v.field("window", c.window, kSize);
  v.field("minimum_spread", c.minimum_spread, kOpenShare);
  v.field("minimum_coverage", c.minimum_coverage, kOpenShare);
  v.field("trend_drop", c.trend_drop, kOpenShare);
  v.message("rollback", c.rollback);
}

template <class V, Is<Checkpoints> T>
void describe(V& v, T& c) {
  v.field("every", c.every, kCountOrZero);
  v.field("keep", c.keep, kCount);
}

template <class V, Is<Images> T>
void describe(V& v, T& c) {
  v.field("every", c.every, kCountOrZero);
  v.field("count", c.count, kSize);
}

template <class V, Is<Gpu> T>
void describe(V& v, T& c) {
  v.field("graphs", c.graphs, Anything{});
  v.field("precision", c.precision, OneOf{"precision", kPrecisions});
  v.field("channels_last", c.channels_last, Anything{});
  v.field("convolutions", c.convolutions, OneOf{"choice of convolutions", kConvolutions});
}

template <class V, Is<Watchdog> T>
void describe(V& v, T& c) {
  v.field("limit_s", c.limit_s, Range{.low = 1, .high = 86'400, .or_zero = true});
  v.field("stage_limit_s", c.stage_limit_s, Range{.low = 1, .high = 1e7, .or_zero = true});
}

template <class V, Is<Consistency> T>
void describe(V& v, T& c) {
  v.field("replicas_every", c.replicas_every, kCountOrZero);
  v.field("nonfinite_limit", c.nonfinite_limit, kCountOrZero);
}

template <class V, Is<RunConfig> T>
void describe(V& v, T& c) {
  v.field("name", c.name, FolderName{});
  v.field("seed", c.seed, Anything{});
  v.field("batch", c.batch, Range{.low = 1, .high = 1 << 30});
  v.field("steps", c.steps, kCount);
  v.field("device", c.device, OneOf{"device", kDevices});
  v.field("microbatches", c.microbatches, kCount);
  v.field("deterministic_shards", c.deterministic_shards, kCountOrZero);
  v.message("data", c.data);
  v.oneof("family", c.family, Alternative<Gan>{"gan"}, Alternative<Vae>{"vae"},
          Alternative<Aae>{"aae"}, Alternative<InfoVae>{"infovae"}, Alternative<WaeMmd>{"wae_mmd"},
          Alternative<WaeGan>{"wae_gan"}, Alternative<Fit>{"fit"});
  v.message("exchange", c.exchange);
  v.message("diagnostics", c.diagnostics);
  v.message("verdict", c.verdict);
  v.message("checkpoints", c.checkpoints);
  v.message("images", c.images);
  v.message("gpu", c.gpu);
  v.message("watchdog", c.watchdog);
  v.message("consistency", c.consistency);
}

}  // namespace allmodes::config
