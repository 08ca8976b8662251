#pragma once

// A small convolutional classifier of the data set's own labels, by which generated images are
// counted into modes. Trained once on the real data by all ranks together, and kept in a cache by
// the data set's fingerprint. Of a stacked set the classifier is that of the digits under it.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/dataset.h"
#include "gradients/flat_network.h"
#include "networks/folded.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

class Classifier {
 public:
  // `shares` [classes] sum to 1.
  Classifier(gradients::FlatNetwork network, double accuracy, std::vector<double> shares)
      : network_(std::move(network)),
        folded_(networks::folded(network_.plan, network_.average_views, network_.buffer_views)),
        accuracy_(accuracy),
        shares_(std::move(shares)) {}
  // The most likely class of each image; images [n, channels, height, width] in [-1, 1].
  std::vector<int64_t> classify(const at::Tensor& images) const;
  // What its last layer decides by: kClassifierFeatures numbers of each image, [n, ...].
  at::Tensor features(const at::Tensor& images) const;
  // Share of held-out images (of the training images where there are none) classified rightly.
  double accuracy() const { return accuracy_; }
  // What it takes the real images for: the share of each class, > 0.
  const std::vector<double>& shares() const { return shares_; }
  const gradients::FlatNetwork& network() const { return network_; }

 private:
  gradients::FlatNetwork network_;
  networks::Folded folded_;  // of its averaged weights
  double accuracy_;
  std::vector<double> shares_;
};

// The mode of each of `dataset`'s (or a generator's) images by `classifier`: its class; of stacked
// images the number whose digits are the classes of the channels (data::Dataset::channel_base),
// each classified by itself.
std::vector<int64_t> modes_of(const Classifier& classifier, const data::Dataset& dataset,
                              const at::Tensor& images);

// The shares of these modes among the real images, as the classifier sees them: its shares, or for
// independent channels their products.
std::vector<double> mode_shares(const Classifier& classifier, const data::Dataset& dataset);

// Where classifiers are kept: cache_folder("classifiers").
std::optional<std::filesystem::path> classifier_cache();

// What a classifier is trained from.
struct ClassifierSetup {
  const data::Dataset& dataset;
  world::Communicator& control;
  world::Communicator& exchange;
  at::Device device;
  // Asked for only when a classifier is trained; may be empty, or make nothing.
  std::function<std::unique_ptr<data::Dataset>()> held_out = {};
};

// Collective. Rank 0's cached classifier for this data set (for what is on its channels, if it is
// stacked), or a newly trained one, which rank 0 then writes to the cache; the same weights on
// every rank. A function of the data set alone: the run's seed does not enter.
Classifier obtain_classifier(const ClassifierSetup& setup);

}  // namespace allmodes::diagnostics
