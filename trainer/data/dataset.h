#pragma once

// A data set as training sees it: a fixed, numbered list of samples, in memory, computed, or mapped
// from files. Which ones there are, and which configuration fields each reads: registry.h.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace allmodes::data {

struct Mixture;

// Points have channels = coordinates, height = width = 1, image = false.
struct SampleShape {
  int64_t channels = 0;
  int64_t height = 1;
  int64_t width = 1;
  bool image = false;

  int64_t values() const { return channels * height * width; }
  friend bool operator==(const SampleShape&, const SampleShape&) = default;
};

// What coordinate i of a table stands for, and how it was made: (number - mean) / deviation.
struct ColumnScale {
  std::vector<std::string> names;  // "age", "colour=red"
  std::vector<float> mean;
  std::vector<float> deviation;  // > 0
};

inline constexpr float kByteCentre = 127.5f;
inline constexpr float kByteScale = 1.0f / 127.5f;

// Immutable after construction: every function may be called from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  // One line for the start-up table, e.g. "Fashion-MNIST: 60000 images 1 x 28 x 28, 10 classes".
  virtual std::string description() const = 0;
  virtual int64_t size() const = 0;  // >= 1
  virtual SampleShape shape() const = 0;

  // Number of labels, 0 when unlabelled. Labels are in [0, classes()).
  virtual int64_t classes() const = 0;
  // classes() names: "mode 3 (1.41, 1.41)", "Ankle boot", "7", a folder's name.
  virtual std::vector<std::string> class_names() const = 0;

  // Those of [0, classes()) that have a sample, in order. A set whose labels begin at 1 has a class
  // 0 that does not exist: nobody is to ask for it or to miss it.
  virtual std::vector<int64_t> existing_classes() const;

  // What was found while reading and should be known before training, one sentence each: files left
  // out, pictures turned, what the numbers mean.
  virtual std::vector<std::string> remarks() const { return {}; }

  // Whether training shows each sample mirrored (left and right) with chance 1/2.
  virtual bool flipped() const { return false; }

  // Larger images of the same samples, of which training shows random parts of shape(), where there
  // are such; else null. copy() gives their middle. Lives as long as this one.
  virtual const Dataset* uncropped() const { return nullptr; }

  // How many samples each shard holds, in the order of the samples; empty where there are none.
  virtual std::vector<int64_t> shard_sizes() const { return {}; }

  // Of a table; else null.
  virtual const ColumnScale* column_scale() const { return nullptr; }

  // A sample's dimensions as its file has them: {T, F} of sequences that are trained on as points
  // of T F coordinates; otherwise {values} of points, {channels, height, width} of images.
  virtual std::vector<int64_t> sample_dimensions() const;

  // Copies samples `indices` (each in [0, size())) to samples[i][shape().values()], channels first;
  // images in [-1, 1], black = -1. `labels` may be null; unlabelled data writes 0.
  // Throws kSoftware for an index out of range.
  virtual void copy(std::span<const int64_t> indices, float* samples, int64_t* labels) const = 0;

  // Whether it keeps images as bytes. copy_bytes() then gives these as they are, a quarter of what
  // copy() moves: its value is (byte - kByteCentre) * kByteScale, in float, in this order.
  virtual bool holds_bytes() const { return false; }
  // Throws kSoftware where !holds_bytes(), and as copy().
  virtual void copy_bytes(std::span<const int64_t> indices, uint8_t* samples,
                          int64_t* labels) const;

  // XXH3 (64 bits) of samples, labels and shape: equal for equal content wherever it was read from.
  virtual uint64_t fingerprint() const = 0;

  // The distribution the samples were drawn from, where it is known; else null.
  virtual const Mixture* mixture() const { return nullptr; }

  // The set whose samples stand on the channels of this one's, where this one is stacked; else
  // null. Then every channel is drawn from the base uniformly and independently, and a label is the
  // number whose digits, first channel first, in base channel_base()->classes() are the labels of
  // the channels. Lives as long as this one.
  virtual const Dataset* channel_base() const { return nullptr; }
};

// Builds what `data.dataset` names. `seed` draws the samples of mixtures; files do not depend on
// it. Throws kConfiguration (unknown name, impossible fields), kNoInput (missing or unreadable
// file, says which package or field provides it), kDataError (damaged file: file, byte offset,
// expectation).
std::unique_ptr<Dataset> make_dataset(const config::Data& data, uint64_t seed);

// The held-out part that comes with the data set (the test files of mnist, fashion_mnist, cifar10;
// stacks of the test digits for stacked_mnist); null where there is none. Throws as make_dataset.
std::unique_ptr<Dataset> make_held_out_dataset(const config::Data& data, uint64_t seed);

// Registered names, sorted.
std::vector<std::string> dataset_names();

// One line on what `name` is. Throws kConfiguration for an unknown name.
std::string dataset_summary(const std::string& name);

// The fields of config::Data that `name` reads, "dataset" and "prefetch" included. Throws
// kConfiguration for an unknown name.
std::vector<std::string> dataset_fields(const std::string& name);

}  // namespace allmodes::data
