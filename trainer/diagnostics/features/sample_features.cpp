#include "diagnostics/features/sample_features.h"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "diagnostics/features/classifier_training.h"
#include "diagnostics/features/feature_space.h"
#include "objectives/objective.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kComponents = 64;

// Whole blocks, so that a row's bits do not depend on the number of ranks.
RowRange blocks_of_rank(int64_t rows, const world::Communicator& control) {
  const RowRange blocks =
      rows_of_rank((rows + kSampleBlock - 1) / kSampleBlock, control.rank(), control.size());
  return {std::min(rows, blocks.first * kSampleBlock), std::min(rows, blocks.last * kSampleBlock)};
}

}  // namespace

std::string FeatureMap::description() const {
  return fmt::format("{} ({} numbers)", name, width);
}

FeatureMap pixel_features(const data::SampleShape& shape) {
  const int64_t width = shape.values();
  return {"pixels", width,
          [width](std::span<const float> samples, RowRange range) {
            const auto part = samples.subspan(static_cast<size_t>(range.first * width),
                                              static_cast<size_t>(range.count() * width));
            return std::vector<float>(part.begin(), part.end());
          },
          /*identity=*/true};
}

FeatureMap component_features(world::Communicator& control, const Features& reals) {
  Projection projection{.width = reals.width, .dimensions = 0, .mean = {}, .directions = {}};
  projection.dimensions = std::min({kComponents, reals.width, reals.rows() - 1});
  if (control.rank() == 0) {
    projection = principal_components(reals, kComponents);
  } else {
    projection.mean.resize(static_cast<size_t>(reals.width));
    projection.directions.resize(static_cast<size_t>(reals.width * projection.dimensions));
  }
  world::broadcast_host(control, std::span<float>(projection.mean), 0);
  world::broadcast_host(control, std::span<float>(projection.directions), 0);
  const int64_t width = reals.width;
  const int64_t dimensions = projection.dimensions;
  return {
      "pca", dimensions,
      [projection = std::move(projection), width](std::span<const float> samples, RowRange range) {
        return project(Features{samples, width}, projection, range);
      }};
}

FeatureMap random_conv_features(const data::SampleShape& shape) {
  return {"random_conv", kRandomConvFeatures,
          [shape](std::span<const float> samples, RowRange range) {
            return random_conv_features(samples, shape.channels, shape.height, shape.width, range);
          }};
}

FeatureMap classifier_features(Classifier classifier, const data::Dataset& dataset,
                               at::Device device) {
  auto shape = objectives::network_shape(dataset.shape());
  shape.insert(shape.begin(), 0);
  const bool stacked = dataset.channel_base() != nullptr;
  // Networks are not copied: the map may be.
  const auto shared = std::make_shared<const Classifier>(std::move(classifier));
  const int64_t width = kClassifierFeatures * (stacked ? dataset.shape().channels : 1);
  return {
      "classifier", width,
      [shared, shape, stacked, device, values = static_cast<size_t>(dataset.shape().values())](
          std::span<const float> samples, RowRange range) {
        std::vector<float> rows;
        for (int64_t first = range.first; first < range.last;) {
          const int64_t end = std::min(range.last, (first / kSampleBlock + 1) * kSampleBlock);
          auto sizes = shape;
          sizes[0] = end - first;
          const auto* from = samples.data() + static_cast<size_t>(first) * values;
          at::Tensor images = at::from_blob(const_cast<float*>(from), sizes, at::kFloat).to(device);
          if (stacked) images = images.flatten(0, 1).unsqueeze(1);
          const at::Tensor found = shared->features(images).to(at::kCPU).contiguous();
          rows.insert(rows.end(), found.data_ptr<float>(), found.data_ptr<float>() + found.numel());
          first = end;
        }
        return rows;
      }};
}

std::string features_complaint(const std::string& name, const data::SampleShape& shape,
                               int64_t classes) {
  const bool of_images = name == "random_conv" || name == "classifier";
  if (of_images && !shape.image)
    return fmt::format("{} features are of images, and these are points", name);
  if (name == "pca" && shape.values() > kWidestPca)
    return fmt::format("principal components of {} numbers; at most {} are analysed",
                       shape.values(), kWidestPca);
  if (name == "classifier" && classes < 2)
    return "classifier features need labels of the real images, of two classes at least: the "
           "classifier is trained on them";
  return {};
}

FeatureMap make_features(const std::string& name, const ClassifierSetup& setup,
                         const Features& fitted) {
  const data::SampleShape shape = setup.dataset.shape();
  const std::string complaint = features_complaint(name, shape, setup.dataset.classes());
  ALLMODES_CHECK(complaint.empty(), "{}", complaint);
  if (name == "pixels") return pixel_features(shape);
  if (name == "pca") return component_features(setup.control, fitted);
  if (name == "random_conv") return random_conv_features(shape);
  ALLMODES_CHECK(name == "classifier", "features '{}'", name);
  return classifier_features(obtain_classifier(setup), setup.dataset, setup.device);
}

std::vector<float> mapped_rows(world::Communicator& control, const FeatureMap& map,
                               std::span<const float> samples, int64_t rows) {
  const RowRange mine = blocks_of_rank(rows, control);
  std::vector<float> part = map.map(samples, mine);
  if (control.size() == 1) return part;
  std::vector<float> all(static_cast<size_t>(rows * map.width), 0.0F);
  std::copy(part.begin(), part.end(), all.begin() + mine.first * map.width);
  world::all_reduce_host(control, std::span<float>(all), world::ReduceOp::sum);
  return all;
}

}  // namespace allmodes::diagnostics
