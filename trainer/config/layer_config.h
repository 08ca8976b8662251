#pragma once

// The settings of the layers of networks.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/rules.h"

namespace allmodes::config {

// Of layers with a learned linear map: how large its first values are.
template <class V, class T>
void describe_gain(V& v, T& c) {
  v.field("gain", c.gain, Range{.low = -1},
          "0 and above: first weights are normal with deviation gain / sqrt(inputs of a unit), "
          "first biases 0; below 0: as the network's initialization says.");
}

struct Linear {
  static constexpr Block kBlock{"linear", "weight times x plus bias."};
  int64_t units = 0;
  bool bias = true;
  bool spectral_norm = false;
  double gain = -1;
};

template <class V, Is<Linear> T>
void describe(V& v, T& c) {
  v.field("units", c.units, kSize, "Outputs.");
  v.field("bias", c.bias, Anything{}, "Whether a bias is added.");
  v.field("spectral_norm", c.spectral_norm, Anything{},
          "The weight is divided by its largest singular value.");
  describe_gain(v, c);
}

struct Convolution {
  static constexpr Block kBlock{"convolution", "2D convolution with a square kernel."};
  int64_t channels = 0;
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 0;
  bool bias = true;
  int64_t groups = 1;
  bool spectral_norm = false;
  double gain = -1;
};

template <class V, Is<Convolution> T>
void describe(V& v, T& c) {
  v.field("channels", c.channels, kSize, "Output channels.");
  v.field("kernel", c.kernel, kSize, "Pixels a side of the kernel.");
  v.field("stride", c.stride, kSize, "Pixels from one output to the next.");
  v.field("padding", c.padding, kSizeOrZero, "Zero pixels added at each border.");
  v.field("bias", c.bias, Anything{}, "Whether a bias is added.");
  v.field("groups", c.groups, kSize, "Groups of channels; divides those of input and output.");
  v.field("spectral_norm", c.spectral_norm, Anything{},
          "The weight is divided by its largest singular value.");
  describe_gain(v, c);
}

struct TransposedConvolution {
  static constexpr Block kBlock{"transposed_convolution", "2D transposed convolution."};
  int64_t channels = 0;
  int64_t kernel = 4;
  int64_t stride = 2;
  int64_t padding = 1;
  int64_t output_padding = 0;
  bool bias = true;
  bool spectral_norm = false;
  int64_t groups = 1;
  double gain = -1;
};

template <class V, Is<TransposedConvolution> T>
void describe(V& v, T& c) {
  v.field("channels", c.channels, kSize, "Output channels.");
  v.field("kernel", c.kernel, kSize, "Pixels a side of the kernel.");
  v.field("stride", c.stride, kSize, "Factor by which the image grows.");
  v.field("padding", c.padding, kSizeOrZero, "Pixels cut off at each border of the output.");
  v.field("output_padding", c.output_padding, kSizeOrZero,
          "Pixels added at one side of the output; below the stride.");
  v.field("bias", c.bias, Anything{}, "Whether a bias is added.");
  v.field("spectral_norm", c.spectral_norm, Anything{},
          "The weight is divided by its largest singular value.");
  v.field("groups", c.groups, kSize,
          "Groups of channels; divides those of input and output. Not with spectral_norm.");
  describe_gain(v, c);
}

struct BatchNorm {
  static constexpr Block kBlock{"batch_norm", "Batch normalization with weight and bias."};
  std::string statistics = "local";
  double momentum = 0.1;
  double epsilon = 1e-5;
};

template <class V, Is<BatchNorm> T>
void describe(V& v, T& c) {
  v.field("statistics", c.statistics, OneOf{"statistics", kStatistics},
          "local: over one rank's samples; global: over those of all ranks.");
  v.field("momentum", c.momentum, Range{.low = 0, .high = 1, .open_low = true},
          "Weight of a new batch in the running statistics.");
  v.field("epsilon", c.epsilon, kPositive, "Added to the variance.");
}

struct Activation {
  static constexpr Block kBlock{"activation", "A function of each value."};
  std::string function = "relu";
  double slope = 0.2;
};

template <class V, Is<Activation> T>
void describe(V& v, T& c) {
  v.field("function", c.function, OneOf{"activation", kActivations}, "Which function.");
  v.field("slope", c.slope, kNotNegative, "leaky_relu: slope below zero.");
}

struct Maxout {
  static constexpr Block kBlock{"maxout", "The largest of several linear functions, unit by unit."};
  int64_t units = 0;
  int64_t pieces = 5;
  bool bias = true;
};

template <class V, Is<Maxout> T>
void describe(V& v, T& c) {
  v.field("units", c.units, kSize, "Outputs.");
  v.field("pieces", c.pieces, Range{.low = 2, .high = kMostSize}, "Linear functions a unit.");
  v.field("bias", c.bias, Anything{}, "Whether each piece has a bias.");
}

struct Reshape {
  static constexpr Block kBlock{"reshape", "The same values in another shape."};
  std::vector<int64_t> shape;
};

template <class V, Is<Reshape> T>
void describe(V& v, T& c) {
  v.list("shape", c.shape, kSize, 0, "The new shape, without the batch dimension.");
}

struct Flatten {
  static constexpr Block kBlock{"flatten", "All values of a sample in one dimension."};
};

template <class V, Is<Flatten> T>
void describe(V&, T&) {}

struct Layer;

struct Residual {
  static constexpr Block kBlock{
      "residual", "layers(x) + shortcut(x), of one shape; without shortcut x itself."};
  std::vector<Layer> layers;
  std::vector<Layer> shortcut;
};

template <class V, Is<Residual> T>
void describe(V& v, T& c) {
  v.messages("layers", c.layers, "The layers of the block.");
  v.messages("shortcut", c.shortcut, "The layers beside it.");
}

struct LayerNorm {
  static constexpr Block kBlock{
      "layer_norm",
      "Normalization over all values of a sample; one weight and bias a channel (or feature)."};
  double epsilon = 1e-5;
};

template <class V, Is<LayerNorm> T>
void describe(V& v, T& c) {
  v.field("epsilon", c.epsilon, kPositive, "Added to the variance.");
}

struct InstanceNorm {
  static constexpr Block kBlock{"instance_norm",
                                "Normalization over the pixels of each sample and channel."};
  double epsilon = 1e-5;
};

template <class V, Is<InstanceNorm> T>
void describe(V& v, T& c) {
  v.field("epsilon", c.epsilon, kPositive, "Added to the variance.");
}

struct GroupNorm {
  static constexpr Block kBlock{
      "group_norm", "Normalization over the pixels and the channels of a group, of each sample."};
  int64_t groups = 8;
  double epsilon = 1e-5;
};

template <class V, Is<GroupNorm> T>
void describe(V& v, T& c) {
  v.field("groups", c.groups, kSize, "Groups; divides the channels.");
  v.field("epsilon", c.epsilon, kPositive, "Added to the variance.");
}

struct Upsample {
  static constexpr Block kBlock{"upsample", "A larger image by interpolation."};
  int64_t factor = 2;
  std::string mode = "nearest";
};

template <class V, Is<Upsample> T>
void describe(V& v, T& c) {
  v.field("factor", c.factor, Range{.low = 2, .high = 64}, "Of height and width.");
  v.field(
      "mode", c.mode, OneOf{"mode", kUpsampling},
      "nearest; bilinear, which repeats the border outside of the image; filtered: bilinear with "
      "zeros outside.");
}

struct Downsample {
  static constexpr Block kBlock{"downsample", "A smaller image by averaging."};
  int64_t factor = 2;
  std::string mode = "mean";
};

template <class V, Is<Downsample> T>
void describe(V& v, T& c) {
  v.field("factor", c.factor, Range{.low = 2, .high = 64}, "Divides height and width.");
  v.field("mode", c.mode, OneOf{"mode", kDownsampling},
          "mean: over squares of factor x factor pixels; filtered: with weights that fall linearly "
          "to 0 beyond the neighbouring squares, of factor 2 [1, 3, 3, 1] / 8 along each axis, and "
          "zeros outside of the image.");
}

struct GlobalPool {
  static constexpr Block kBlock{"global_pool", "One value a channel."};
  std::string reduction = "mean";
};

template <class V, Is<GlobalPool> T>
void describe(V& v, T& c) {
  v.field("reduction", c.reduction, OneOf{"reduction", kReductions}, "Over all pixels.");
}

struct Dropout {
  static constexpr Block kBlock{"dropout", "Random values set to 0 in training."};
  double rate = 0.5;
};

template <class V, Is<Dropout> T>
void describe(V& v, T& c) {
  v.field("rate", c.rate, kDecayRate, "Share of the values.");
}

struct SelfAttention {
  static constexpr Block kBlock{"self_attention",
                                "Over the pixels of an image (Zhang et al., \"SAGAN\", 2019)."};
  int64_t reduction = 8;
};

template <class V, Is<SelfAttention> T>
void describe(V& v, T& c) {
  v.field("reduction", c.reduction, kSize, "Channels over those of queries and keys.");
}

struct ClassConcatenation {
  static constexpr Block kBlock{
      "class_concatenation",
      "Appends a learned embedding of the class label: to features, or to "
      "an image as constant channels."};
  int64_t dimension = 16;
  double gain = -1;
};

template <class V, Is<ClassConcatenation> T>
void describe(V& v, T& c) {
  v.field("dimension", c.dimension, kSize, "Of the embedding.");
  v.field(
      "gain", c.gain, Range{.low = -1},
      "0 and above: the embedding's first values are normal with deviation gain / sqrt(classes); "
      "below 0: U(-1, 1).");
}

struct ClassProjection {
  static constexpr Block kBlock{"class_projection",
                                "One number a sample: linear(features) + <embedding of the class "
                                "label, features> (Miyato, Koyama, \"cGANs with projection "
                                "discriminator\", 2018)."};
  bool linear = true;
  double gain = -1;
  bool spectral_norm = false;
};

template <class V, Is<ClassProjection> T>
void describe(V& v, T& c) {
  v.field("linear", c.linear, Anything{}, "false: the inner product alone.");
  v.field(
      "gain", c.gain, Range{.low = -1},
      "0 and above: the embedding's first values are normal with deviation gain / sqrt(classes); "
      "below 0: as the network's initialization says.");
  v.field("spectral_norm", c.spectral_norm, Anything{},
          "Divide the weights and the table of embeddings by their largest singular values.");
}

struct MinibatchStddev {
  static constexpr Block kBlock{
      "minibatch_stddev",
      "Appends a channel (or feature) of the mean standard deviation over "
      "groups of consecutive samples (Karras et al., \"Progressive growing "
      "of GANs\", 2018)."};
  int64_t group = 4;
};

template <class V, Is<MinibatchStddev> T>
void describe(V& v, T& c) {
  v.field("group", c.group, Range{.low = 2, .high = kMostSize},
          "Samples a group; divides a rank's share of the batch.");
}

struct MinibatchDiscrimination {
  static constexpr Block kBlock{
      "minibatch_discrimination",
      "Appends to each sample its likeness to the others (Salimans et al., "
      "\"Improved techniques\", 2016)."};
  int64_t features = 16;
  int64_t dimension = 8;
  std::string statistics = "local";
};

template <class V, Is<MinibatchDiscrimination> T>
void describe(V& v, T& c) {
  v.field("features", c.features, kSize, "Values appended.");
  v.field("dimension", c.dimension, kSize, "Of each feature's comparison.");
  v.field("statistics", c.statistics, OneOf{"statistics", kStatistics},
          "local: among one rank's samples; global: among those of all ranks.");
}

struct ZeroPad {
  static constexpr Block kBlock{"zero_pad", "Zero pixels around an image."};
  int64_t before = 0;
  int64_t after = 1;
};

template <class V, Is<ZeroPad> T>
void describe(V& v, T& c) {
  v.field("before", c.before, kSizeOrZero, "Rows above and columns at the left.");
  v.field("after", c.after, kSizeOrZero, "Rows below and columns at the right.");
}

struct Attention {
  static constexpr Block kBlock{
      "attention",
      "Scaled dot-product attention of one head over the pixels of an image (Vaswani et al., "
      "\"Attention is all you need\", 2017); queries, keys, values and output are linear in the "
      "channels."};
};

template <class V, Is<Attention> T>
void describe(V&, T&) {}

struct Custom {
  static constexpr Block kBlock{"custom",
                                "A layer of a program of one's own (docs/extending.md); allmodes itself has none."};
  std::string layer;
  std::vector<double> values;
};

template <class V, Is<Custom> T>
void describe(V& v, T& c) {
  v.field("layer", c.layer, Anything{}, "Its name.");
  v.list("values", c.values, kFinite, kAnyNumber, "What it is made from; the layer says what each means.");
}

struct Layer {
  std::variant<std::monostate, Linear, Convolution, TransposedConvolution, BatchNorm, Activation,
               Maxout, Reshape, Flatten, Residual, LayerNorm, InstanceNorm, GroupNorm, Upsample,
               Downsample, GlobalPool, Dropout, SelfAttention, ClassConcatenation, ClassProjection,
               MinibatchStddev, MinibatchDiscrimination, ZeroPad, Attention, Custom>
      kind;
};

template <class V, Is<Layer> T>
void describe(V& v, T& c) {
  v.oneof("layer", c.kind);
}

}  // namespace allmodes::config
