#pragma once

// Where samples are measured beside real ones: their own numbers, or one of the spaces of
// feature_space.h, the classifier's last layer but one, or a network's that others have trained.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "diagnostics/features/classifier.h"
#include "diagnostics/features/sample_chunks.h"
#include "diagnostics/metrics/inception_score.h"
#include "diagnostics/statistics/feature_rows.h"
#include "pretrained/feature_network.h"

namespace allmodes::diagnostics {

// A fixed map of samples to rows of numbers.
struct FeatureMap {
  std::string name;   // as config::kFeatures has them; "own": rows that somebody gave
  int64_t width = 0;  // numbers of a row
  // Rows [range.count()][width] of samples [n][values]. Computed in blocks that begin at multiples
  // of kSampleBlock, so that a row's bits do not depend on a range that begins at one.
  std::function<std::vector<float>(std::span<const float> samples, RowRange range)> map;
  bool identity = false;  // rows are the samples themselves
  bool given = false;     // rows come with the samples; there is no map

  // Of pretrained networks.
  std::string protocol = {};  // how pictures are made ready, pretrained/protocol.h
  std::string weights = {};   // their hash
  // What distances in these features are called: "fid" where that is what it is.
  std::string frechet_name = "frechet_distance", kernel_name = "kernel_distance";
  bool population_covariance = false;  // divided by N instead of N - 1
  // [rows][classes] of rows [rows][width], for the Inception Score; null for most.
  std::function<std::vector<float>(std::span<const float> rows)> class_logits = {};

  // "pca (64 numbers)", "inception (2048 numbers; protocol pytorch_fid, weights 0123456789abcdef)"
  std::string description() const;
};
inline constexpr int64_t kSampleBlock = kChunk;

FeatureMap pixel_features(const data::SampleShape& shape);

// Points of which each column is divided by its own deviation (column_scales.h), [width]; what does
// not vary stays as it is.
FeatureMap scaled_features(std::vector<float> deviations);

// 64 principal components of the samples [n][values], or as many as there are. Collective: rank 0's
// are all ranks', to the last bit. Throws as principal_components().
FeatureMap component_features(world::Communicator& control, const Features& samples);

// Images of one size; a fixed random network.
FeatureMap random_conv_features(const data::SampleShape& shape);

// What the classifier of `dataset` decides by; of stacked images that of each channel, one after
// the other. `dataset` is not kept.
FeatureMap classifier_features(Classifier classifier, const data::Dataset& dataset,
                               at::Device device);

// Collective: the ranks compare the weights that they read. Throws as pretrained::open_network(),
// kDataError where ranks have different weights.
FeatureMap network_features(const pretrained::NetworkChoice& choice, world::Communicator& control,
                            const data::SampleShape& shape, at::Device device);

// What "auto" is of samples of this shape, else `name`: points as they are (make_features() divides
// columns of very unequal scale by their deviations); colour pictures of 48 pixels or more by
// EfficientNet-Lite0 where that is there; other pictures by principal components, those of too many
// numbers by random convolutions.
std::string resolved_features(const std::string& name, const data::SampleShape& shape);

// Why features of this choice (a name of FeatureMap, or a pretrained network) cannot be had of
// samples of this shape with so many classes, as a sentence; empty where they can.
std::string features_complaint(const pretrained::NetworkChoice& choice,
                               const data::SampleShape& shape, int64_t classes);

// The map of that choice; collective (a classifier may be trained). `fitted` as in
// component_features(). A pretrained network is computed on `device`.
FeatureMap make_features(const pretrained::NetworkChoice& choice, const ClassifierSetup& setup,
                         const Features& fitted, at::Device device);

// The Inception Score of rows [n][width] in the ten parts of published figures; nothing of features
// without logits, or of fewer than ten rows.
std::optional<InceptionScore> inception_score(const FeatureMap& map, std::span<const float> rows);

// All rows of samples [n][values] on every rank, each having computed a part. Collective.
// `progress`: rank 0 shows on standard error how far a pretrained network is.
std::vector<float> mapped_rows(world::Communicator& control, const FeatureMap& map,
                               std::span<const float> samples, int64_t rows, bool progress = false);

}  // namespace allmodes::diagnostics
