#pragma once

// What a field of the configuration may be. The structs of run_config.h name each of their fields
// in `describe(visitor, struct)`, with a rule of this file and one line of meaning. Reading a
// message, writing one, checking ranges (convert.cpp), the reference in docs/configuration.md and
// the list of changed fields (field_list.cpp) all walk these descriptions.
//
// A visitor has
//   field(name, value, rule, meaning)        a number, a truth value or a text
//   list(name, vector, rule, count, meaning) numbers; `count` entries, at least one where it is 0, or kAnyNumber
//   message(name, struct, meaning)           a block
//   messages(name, vector of structs, meaning)  repeated blocks
//   oneof(what, variant)                     at most one of several blocks: the variant's types after
//                                            std::monostate, each with its `kBlock`

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace allmodes::config {

// No rule: truth values, numbers that may be anything, and texts whose meaning says what they are.
struct Anything {};

// A name of a registry, which is checked by whoever owns the registry. `what` says in the reference
// what it names: "data set".
struct Registered {
  std::string_view what;
};

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

// The name and the meaning of a block of which a configuration chooses one: a family, a layer.
struct Block {
  std::string_view name;
  std::string_view meaning;
};

// What a value must be, in words: "at least 1 and below 4", "relu, tanh"; "" where there is no
// rule.
std::string words(const Anything& rule);
std::string words(const Registered& rule);
std::string words(const Range& rule);
std::string words(const OneOf& rule);
std::string words(const FolderName& rule);

// "" for a value that follows its rule, else "must be at least 1, is 0". `as_written`: the value as
// the message shows it.
std::string violation(double value, const std::string& as_written, const Range& rule);
std::string violation(const std::string& value, const OneOf& rule);
std::string violation(const std::string& value, const FolderName& rule);

// T is S or const S: one description serves reading and writing.
template <class T, class S>
concept Is = std::same_as<std::remove_const_t<T>, S>;

// Calls visit.operator()<S>() for each type S of a variant but the first, std::monostate.
template <class Variant, class Visit>
void for_each_alternative(Visit visit) {
  [&]<size_t... i>(std::index_sequence<i...>) {
    (visit.template operator()<std::variant_alternative_t<i + 1, Variant>>(), ...);
  }
  (std::make_index_sequence<std::variant_size_v<Variant> - 1>());
}

// Products of two of them are computed by product() of base/checked.h, which saturates; step
// numbers stay within random.h's 2^48.
inline constexpr double kMostCount = 281'474'976'710'655.0;
inline constexpr double kMostSize = 1 << 20;
inline constexpr double kMostSeconds = 86'400;
inline constexpr Range kFinite{};

// Of a list: however many entries, none too.
inline constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();
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
inline constexpr std::array<std::string_view, 2> kClassSources{"folders", "none"};
inline constexpr std::array<std::string_view, 3> kFits{"pad", "crop", "adm"};
inline constexpr std::array<std::string_view, 6> kFilters{"auto",     "area",    "box",
                                                          "bilinear", "bicubic", "lanczos"};
inline constexpr std::array<std::string_view, 3> kColours{"auto", "grey", "rgb"};
inline constexpr std::array<std::string_view, 2> kExif{"apply", "ignore"};
inline constexpr std::array<std::string_view, 4> kValueRanges{"auto", "bytes", "unit", "signed"};
inline constexpr std::array<std::string_view, 3> kLayouts{"auto", "images", "points"};
inline constexpr std::array<std::string_view, 2> kOrders{"samples", "shards"};
inline constexpr std::array<std::string_view, 2> kFingerprints{"content", "index"};
inline constexpr std::array<std::string_view, 4> kCaches{"auto", "memory", "disk", "none"};
inline constexpr std::array<std::string_view, 2> kOnDamage{"refuse", "skip"};
inline constexpr std::array<std::string_view, 4> kDistributions{"normal", "uniform", "sphere",
                                                                "mixture"};
inline constexpr std::array<std::string_view, 2> kStatistics{"local", "global"};
inline constexpr std::array<std::string_view, 6> kNorms{"none",  "batch",    "sync_batch",
                                                        "layer", "instance", "group"};
inline constexpr std::array<std::string_view, 3> kUpsampling{"nearest", "bilinear", "filtered"};
inline constexpr std::array<std::string_view, 2> kDownsampling{"mean", "filtered"};
inline constexpr std::array<std::string_view, 2> kReductions{"mean", "sum"};
inline constexpr std::array<std::string_view, 3> kConditionings{"none", "projection",
                                                                "concatenation"};
inline constexpr std::array<std::string_view, 3> kKlSchedules{"constant", "linear", "cyclical"};
inline constexpr std::array<std::string_view, 2> kPosteriors{"deterministic", "gaussian"};
inline constexpr std::array<std::string_view, 4> kQuantizers{"kl", "vq", "fsq", "lfq"};
inline constexpr std::array<std::string_view, 2> kCodebooks{"gradient", "ema"};
inline constexpr std::array<std::string_view, 2> kDistances{"l1", "l2"};
inline constexpr std::array<std::string_view, 3> kPerceptual{"none", "lpips", "efficientnet_lite0"};
inline constexpr std::array<std::string_view, 2> kReconstructions{"features", "pixels"};
inline constexpr std::array<std::string_view, 2> kKernels{"imq", "rbf"};
inline constexpr std::array<std::string_view, 3> kDivergences{"forward_kl", "reverse_kl",
                                                              "jensen_shannon"};
inline constexpr std::array<std::string_view, 2> kInitializations{"kaiming_uniform", "normal_002"};
inline constexpr std::array<std::string_view, 3> kDecays{"none", "linear", "cosine"};
inline constexpr std::array<std::string_view, 3> kOnCollapse{"warn", "stop", "rollback"};
inline constexpr std::array<std::string_view, 2> kExchangePrecisions{"float32", "bfloat16"};
// Spaces in which samples are compared; those of pretrained networks last.
inline constexpr std::array<std::string_view, 14> kFeatures{
    "auto",          "pixels",        "pca",           "random_conv",       "classifier",
    "inception",     "inception_64",  "inception_192", "inception_768",     "dinov2_vits14",
    "dinov2_vitb14", "dinov2_vitl14", "dinov2_vitg14", "efficientnet_lite0"};
inline constexpr auto kSampleMetrics = [] {
  std::array<std::string_view, kFeatures.size() + 1> names{"off"};
  for (size_t i = 0; i < kFeatures.size(); ++i) names[i + 1] = kFeatures[i];
  return names;
}();
// How pictures are brought to a pretrained network's size and range, by the tool that does so.
inline constexpr std::array<std::string_view, 6> kFeatureProtocols{
    "default", "pytorch_fid", "torch_fidelity", "stylegan", "clean_fid", "dgm_eval"};
inline constexpr std::array<std::string_view, 3> kPrecisions{"float32", "tf32", "bfloat16"};
inline constexpr std::array<std::string_view, 2> kConvolutions{"deterministic", "fastest"};
inline constexpr std::array<std::string_view, 3> kDevices{"auto", "cpu", "cuda"};

}  // namespace allmodes::config
