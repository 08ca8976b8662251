#pragma once

// A small convolutional classifier of the data set's own labels, by which generated images are
// counted into modes. Trained once on the real data by all ranks together, and kept in a cache by
// the data set's fingerprint.

#include <filesystem>
#include <memory>
#include <vector>

#include "diagnostics/collector.h"
#include "gradients/flat_network.h"

namespace allmodes::diagnostics {

class Classifier {
 public:
  Classifier(gradients::FlatNetwork network, double accuracy)
      : network_(std::move(network)), accuracy_(accuracy) {}
  // The most likely class of each image; images [n, channels, height, width] in [-1, 1].
  std::vector<int64_t> classify(const at::Tensor& images) const;
  // Share of held-out images (of the training images where there are none) classified rightly.
  double accuracy() const { return accuracy_; }
  gradients::FlatNetwork& network() { return network_; }
  const gradients::FlatNetwork& network() const { return network_; }

 private:
  gradients::FlatNetwork network_;
  double accuracy_;
};

// $ALLMODES_CACHE/classifiers, or under $XDG_CACHE_HOME/allmodes or ~/.cache/allmodes.
std::filesystem::path classifier_cache();

// Collective. Rank 0's cached classifier for this data set, or a newly trained one, which rank 0
// then writes to the cache; the same weights on every rank.
Classifier obtain_classifier(const CollectorSetup& setup);

}  // namespace allmodes::diagnostics
