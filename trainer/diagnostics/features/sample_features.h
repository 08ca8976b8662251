#pragma once

// Where samples are measured beside real ones: their own numbers, or one of the spaces of
// feature_space.h, or the classifier's last layer but one.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "diagnostics/features/classifier.h"
#include "diagnostics/features/sample_chunks.h"
#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// A fixed map of samples to rows of numbers.
struct FeatureMap {
  std::string name;   // pixels, pca, random_conv, classifier
  int64_t width = 0;  // numbers of a row
  // Rows [range.count()][width] of samples [n][values]. Computed in blocks that begin at multiples
  // of kSampleBlock, so that a row's bits do not depend on a range that begins at one.
  std::function<std::vector<float>(std::span<const float> samples, RowRange range)> map;
  bool identity = false;  // rows are the samples themselves

  std::string description() const;  // "pca (64 numbers)"
};
inline constexpr int64_t kSampleBlock = kChunk;

FeatureMap pixel_features(const data::SampleShape& shape);

// 64 principal components of the samples [n][values], or as many as there are. Collective: rank 0's
// are all ranks', to the last bit. Throws as principal_components().
FeatureMap component_features(world::Communicator& control, const Features& samples);

// Images of one size; a fixed random network.
FeatureMap random_conv_features(const data::SampleShape& shape);

// What the classifier of `dataset` decides by; of stacked images that of each channel, one after
// the other. `dataset` is not kept.
FeatureMap classifier_features(Classifier classifier, const data::Dataset& dataset,
                               at::Device device);

// Why features of this name (as in FeatureMap) cannot be had of samples of this shape with so many
// classes, as a sentence; empty where they can.
std::string features_complaint(const std::string& name, const data::SampleShape& shape,
                               int64_t classes);

// The map of that name; collective (a classifier may be trained). `fitted` as in
// component_features().
FeatureMap make_features(const std::string& name, const ClassifierSetup& setup,
                         const Features& fitted);

// All rows of samples [n][values] on every rank, each having computed a part. Collective.
std::vector<float> mapped_rows(world::Communicator& control, const FeatureMap& map,
                               std::span<const float> samples, int64_t rows);

}  // namespace allmodes::diagnostics
