#include "diagnostics/features/sample_features.h"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "diagnostics/features/classifier_training.h"
#include "diagnostics/features/column_scales.h"
#include "diagnostics/features/feature_space.h"
#include "objectives/objective.h"
#include "records/progress.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kComponents = 64;
constexpr int64_t kNaturalSide = 48;
constexpr double kProgressEvery = 10;  // seconds

// Whole blocks, so that a row's bits do not depend on the number of ranks.
RowRange blocks_of_rank(int64_t rows, const world::Communicator& control) {
  const RowRange blocks =
      rows_of_rank((rows + kSampleBlock - 1) / kSampleBlock, control.rank(), control.size());
  return {std::min(rows, blocks.first * kSampleBlock), std::min(rows, blocks.last * kSampleBlock)};
}

// Throws kDataError on every rank where one of them says something else than rank 0.
void require_same(world::Communicator& control, const std::string& what, const std::string& mine,
                  const std::string& wanted) {
  const auto all = world::all_gather_text(control, mine);
  for (size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      ALLMODES_FAIL(ExitCode::kDataError, "{}: {} on rank {}, {} on rank 0; {}", what, all[rank],
                    rank, all[0], wanted);
}

// Features of the samples [n][values] of the range, in blocks that begin at multiples of
// kSampleBlock: features_of(where the block begins, how many samples) are rows of a tensor, which
// does not keep or change what it is given.
template <class FeaturesOf>
std::vector<float> in_blocks(std::span<const float> samples, size_t values, RowRange range,
                             FeaturesOf features_of) {
  std::vector<float> rows;
  for (int64_t first = range.first; first < range.last;) {
    const int64_t end = std::min(range.last, (first / kSampleBlock + 1) * kSampleBlock);
    const float* from = samples.data() + static_cast<size_t>(first) * values;
    const at::Tensor found =
        features_of(const_cast<float*>(from), end - first).to(at::kCPU).contiguous();
    rows.insert(rows.end(), found.data_ptr<float>(), found.data_ptr<float>() + found.numel());
    first = end;
  }
  return rows;
}

}  // namespace

std::string FeatureMap::description() const {
  if (protocol.empty()) return fmt::format("{} ({} numbers)", name, width);
  return fmt::format("{} ({} numbers; protocol {}, weights {})", name, width, protocol, weights);
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

FeatureMap scaled_features(std::vector<float> deviations) {
  const auto width = std::ssize(deviations);
  for (float& deviation : deviations) deviation = deviation > 0 ? deviation : 1.0F;
  return {
      "pixels, each column over its deviation", width,
      [deviations = std::move(deviations), width](std::span<const float> samples, RowRange range) {
        const auto part = samples.subspan(static_cast<size_t>(range.first * width),
                                          static_cast<size_t>(range.count() * width));
        std::vector<float> rows(part.begin(), part.end());
        for (size_t i = 0; i < rows.size(); ++i)
          rows[i] /= deviations[i % static_cast<size_t>(width)];
        return rows;
      }};
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
  return {"classifier", width,
          [shared, shape, stacked, device, values = static_cast<size_t>(dataset.shape().values())](
              std::span<const float> samples, RowRange range) {
            return in_blocks(samples, values, range, [&](float* from, int64_t count) {
              auto sizes = shape;
              sizes[0] = count;
              at::Tensor images = at::from_blob(from, sizes, at::kFloat).to(device);
              if (stacked) images = images.flatten(0, 1).unsqueeze(1);
              return shared->features(images);
            });
          }};
}

FeatureMap network_features(const pretrained::NetworkChoice& choice, world::Communicator& control,
                            const data::SampleShape& shape, at::Device device) {
  const auto network =
      std::make_shared<const pretrained::FeatureNetwork>(pretrained::open_network(choice, device));
  require_same(control, "weights of " + choice.name, network->hash,
               "the same file was expected on every host");
  const auto* row = pretrained::find_network(choice.name);
  FeatureMap map{.name = choice.name, .width = network->width, .map = {}};
  map.protocol = network->protocol;
  map.weights = network->hash;
  map.frechet_name = row->frechet;
  map.kernel_name = row->kernel;
  map.population_covariance = network->population_covariance;
  map.map = [network, shape](std::span<const float> samples, RowRange range) {
    return in_blocks(
        samples, static_cast<size_t>(shape.values()), range, [&](float* from, int64_t count) {
          return network->features(
              at::from_blob(from, {count, shape.channels, shape.height, shape.width}, at::kFloat));
        });
  };
  if (network->class_logits)
    map.class_logits = [network](std::span<const float> rows) {
      const at::Tensor features =
          at::from_blob(const_cast<float*>(rows.data()),
                        {std::ssize(rows) / network->width, network->width}, at::kFloat);
      const at::Tensor logits = network->class_logits(features).contiguous();
      const auto values = values_of(logits);
      return std::vector<float>(values.begin(), values.end());
    };
  return map;
}

std::string resolved_features(const std::string& name, const data::SampleShape& shape) {
  if (name != "auto") return name;
  if (!shape.image) return "pixels";
  const bool natural = shape.channels == 3 && std::min(shape.height, shape.width) >= kNaturalSide;
  if (natural && pretrained::efficientnet_lite0_is_there()) return "efficientnet_lite0";
  return shape.values() <= kWidestPca ? "pca" : "random_conv";
}

std::string features_complaint(const pretrained::NetworkChoice& choice,
                               const data::SampleShape& shape, int64_t classes) {
  const std::string name = resolved_features(choice.name, shape);
  const bool pretrained = pretrained::find_network(name) != nullptr;
  const bool of_images = name == "random_conv" || name == "classifier" || pretrained;
  if (of_images && !shape.image)
    return fmt::format("{} features are of images, and these are points", name);
  if (pretrained && shape.channels != 1 && shape.channels != 3)
    return fmt::format("{} features are of grey or colour pictures, and these have {} channels",
                       name, shape.channels);
  if (pretrained) return pretrained::choice_complaint({name, choice.weights, choice.protocol});
  if (name == "pca" && shape.values() > kWidestPca)
    return fmt::format("principal components of {} numbers; at most {} are analysed",
                       shape.values(), kWidestPca);
  if (name == "classifier" && classes < 2)
    return "classifier features need labels of the real images, of two classes at least: the "
           "classifier is trained on them";
  if (!choice.weights.empty() || choice.protocol != "default")
    return fmt::format("{} features have no weights and no protocol; {} have", name,
                       fmt::join(pretrained::network_names(), ", "));
  return {};
}

FeatureMap make_features(const pretrained::NetworkChoice& choice, const ClassifierSetup& setup,
                         const Features& fitted, at::Device device) {
  const data::SampleShape shape = setup.dataset.shape();
  const std::string complaint = features_complaint(choice, shape, setup.dataset.classes());
  ALLMODES_CHECK(complaint.empty(), "{}", complaint);
  const std::string name = resolved_features(choice.name, shape);
  require_same(setup.control, "features", name,
               "fetch EfficientNet-Lite0 on every host (launch/setup.sh --features), or name the "
               "features");
  if (name == "pixels") {
    if (choice.name == "auto" && !shape.image && fitted.rows() > 0) {
      auto deviations = column_deviations(fitted);
      if (of_unequal_scale(deviations)) return scaled_features(std::move(deviations));
    }
    return pixel_features(shape);
  }
  if (name == "pca") return component_features(setup.control, fitted);
  if (name == "random_conv") return random_conv_features(shape);
  if (pretrained::find_network(name) != nullptr)
    return network_features({name, choice.weights, choice.protocol}, setup.control, shape, device);
  ALLMODES_CHECK(name == "classifier", "features '{}'", name);
  return classifier_features(obtain_classifier(setup), setup.dataset, setup.device);
}

std::optional<InceptionScore> inception_score(const FeatureMap& map, std::span<const float> rows) {
  constexpr int64_t kParts = 10;
  const int64_t count = std::ssize(rows) / map.width;
  if (!map.class_logits || count < kParts) return std::nullopt;
  const auto logits = map.class_logits(rows);
  return inception_score(logits, std::ssize(logits) / count, kParts);
}

std::vector<float> mapped_rows(world::Communicator& control, const FeatureMap& map,
                               std::span<const float> samples, int64_t rows, bool progress) {
  const RowRange mine = blocks_of_rank(rows, control);
  records::Progress shown(progress && !map.protocol.empty() && control.rank() == 0,
                          isatty(STDERR_FILENO) == 1, stderr, mine.count(), kProgressEvery);
  std::vector<float> part;
  for (int64_t first = mine.first; first < mine.last; first += kSampleBlock) {
    const RowRange block{first, std::min(mine.last, first + kSampleBlock)};
    const std::vector<float> found = map.map(samples, block);
    part.insert(part.end(), found.begin(), found.end());
    shown.update(block.last - mine.first, map.name + " features");
  }
  shown.clear();
  if (control.size() == 1) return part;
  std::vector<float> all(static_cast<size_t>(rows * map.width), 0.0F);
  std::copy(part.begin(), part.end(), all.begin() + mine.first * map.width);
  world::all_reduce_host(control, std::span<float>(all), world::ReduceOp::sum);
  return all;
}

}  // namespace allmodes::diagnostics
