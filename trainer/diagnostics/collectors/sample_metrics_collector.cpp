// Precision, recall, density, coverage, Frechet and kernel distance of an evaluation's samples
// beside as many real ones (of a family that does not draw: of reconstructions of held-out pictures
// beside these pictures) (sample_metrics.h), in the features that diagnostics.sample_metrics
// names. For the record alone: the verdict has the calibrated comparison.
//
// Cost: samples^2 distances, split over ranks, and the features of all samples on every rank.

#include <algorithm>
#include <cmath>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/features/sample_features.h"
#include "diagnostics/metrics/sample_metrics.h"

namespace allmodes::diagnostics {
namespace {

class SampleMetricsCollector final : public Collector {
 public:
  explicit SampleMetricsCollector(const CollectorSetup& setup)
      : count_(std::min(setup.config.diagnostics.samples, setup.dataset.size())) {
    const at::Tensor reals = real_samples(setup.dataset, setup.config.seed, 0, count_).contiguous();
    const auto& settings = setup.config.diagnostics;
    map_ = make_features(
        {settings.sample_metrics, settings.feature_weights, settings.feature_protocol},
        classifier_setup(setup), {values_of(reals), setup.dataset.shape().values()}, setup.device);
    reals_ = mapped_rows(setup.control, map_, values_of(reals), count_);
  }

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& /*evidence*/) override {
    const int64_t width = map_.width;
    auto fakes = rows_of(evaluation, generated, &GeneratedChunk::samples);
    // Reconstructions stand beside the pictures that they are of, which are held out.
    if (!evaluation.objective.draws())
      reals_ = rows_of(evaluation, generated, &GeneratedChunk::originals);
    // As many of either, so that figures compare. What diverges has no distances.
    const int64_t count = std::min(std::ssize(reals_) / width, evaluation.made());
    fakes.resize(static_cast<size_t>(count * width));
    const bool finite =
        std::ranges::all_of(fakes, [](float value) { return std::abs(value) <= kLargestFeature; });
    if (!finite || count <= Neighborhood{}.largest()) return;
    const SampleMetricsOptions options{.neighborhood = {},
                                       .population_covariance = map_.population_covariance};
    write(measure_samples(evaluation.control, {reals_, width}, {fakes, width}, options), count,
          record);
    if (const auto score = inception_score(map_, fakes)) record.set("inception_score", score->mean);
  }

 private:
  // Of all ranks' chunks, in order.
  std::vector<float> rows_of(const Evaluation& evaluation,
                             const std::vector<GeneratedChunk>& generated,
                             at::Tensor GeneratedChunk::*part) const {
    std::vector<float> all(static_cast<size_t>(evaluation.made() * map_.width), 0.0F);
    for (const auto& chunk : generated) {
      const at::Tensor samples = (chunk.*part).to(at::kCPU).contiguous();
      const auto rows = map_.map(values_of(samples), {0, samples.size(0)});
      std::ranges::copy(rows, all.begin() + chunk.first * map_.width);
    }
    world::all_reduce_host(evaluation.control, std::span<float>(all), world::ReduceOp::sum);
    return all;
  }

  void write(const SampleMetrics& metrics, int64_t count, records::Record& record) const {
    record.set("sample_features", map_.description());
    record.set("sample_count", count);
    record.set("precision", metrics.neighborhood.precision);
    record.set("recall", metrics.neighborhood.recall);
    record.set("density", metrics.neighborhood.density);
    record.set("coverage", metrics.neighborhood.coverage);
    record.set("coverage_expected",
               expected_coverage(std::ssize(reals_) / map_.width, count,
                                 SampleMetricsOptions{}.neighborhood.coverage_k));
    // Under the names that these distances have in these features.
    if (metrics.frechet_distance) record.set(map_.frechet_name, *metrics.frechet_distance);
    record.set(map_.kernel_name, metrics.kernel_distance);
    if (metrics.vendi) record.set("vendi", *metrics.vendi);
    if (metrics.vendi_real) record.set("vendi_real", *metrics.vendi_real);
    record.set("support_ratio", metrics.support_ratio);
  }

  int64_t count_;
  FeatureMap map_;
  std::vector<float> reals_;
};

constexpr records::Figure kSampleMetricsCollectorFigures[] = {
    {"sample_features", "", "", "",
     "the features in which samples are compared, with their number"},
    {"sample_count", "samples", "", "", "of either set that are compared"},
    {"precision", "share", "[0, 1]", "as recall",
     "of samples within the ball of a real, to its 3rd nearest other one"},
    {"recall", "share", "[0, 1]", "as precision",
     "of reals within the ball of a sample, to its 3rd nearest other one"},
    {"density", "", ">= 0", "1",
     "balls of reals, to their 5th nearest, that hold a sample, over 5"},
    {"coverage", "share", "[0, 1]", "coverage_expected",
     "of balls of reals, to their 5th nearest, that hold a sample"},
    {"coverage_expected", "share", "[0, 1]", "",
     "coverage of as many samples distributed as the data"},
    {"frechet_distance", "", ">= 0", "0, from above with N",
     "squared, of Gaussians with the two means and covariances; compare at one N and one kind of "
     "features"},
    {"kernel_distance", "", "", "0, also below", "unbiased squared MMD, kernel (x y / d + 1)^3"},
    {"kid", "", "", "0, also below",
     "kernel_distance in the 2048 features of Inception (2015-12-05)"},
    {"fid", "", ">= 0", "0, from above with N",
     "Frechet distance in the 2048 features of Inception (2015-12-05), by the protocol that the "
     "table names"},
    {"inception_score", "", "[1, 1008]", "that of the data",
     "exp of the mean KL of a sample's classes, by Inception, from those of all; ten parts"},
    {"fd_inception_64", "", ">= 0", "0, from above with N",
     "Frechet distance in 64 features of Inception, behind its first pool; no FID"},
    {"kd_inception_64", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in 64 features of Inception, behind its first "
     "pool"},
    {"fd_inception_192", "", ">= 0", "0, from above with N",
     "Frechet distance in 192 features of Inception, behind its second pool; no FID"},
    {"kd_inception_192", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in 192 features of Inception, behind its "
     "second pool"},
    {"fd_inception_768", "", ">= 0", "0, from above with N",
     "Frechet distance in 768 features of Inception, behind its last block C; no FID"},
    {"kd_inception_768", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in 768 features of Inception, behind its last "
     "block C"},
    {"fd_dinov2_vits14", "", ">= 0", "0, from above with N",
     "Frechet distance in the class token of DINOv2, ViT-S/14; no FID"},
    {"kd_dinov2_vits14", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in the class token of DINOv2, ViT-S/14"},
    {"fd_dinov2_vitb14", "", ">= 0", "0, from above with N",
     "Frechet distance in the class token of DINOv2, ViT-B/14; no FID"},
    {"kd_dinov2_vitb14", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in the class token of DINOv2, ViT-B/14"},
    {"fd_dinov2_vitl14", "", ">= 0", "0, from above with N",
     "Frechet distance in the class token of DINOv2, ViT-L/14; no FID"},
    {"kd_dinov2_vitl14", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in the class token of DINOv2, ViT-L/14"},
    {"fd_dinov2_vitg14", "", ">= 0", "0, from above with N",
     "Frechet distance in the class token of DINOv2, ViT-g/14; no FID"},
    {"kd_dinov2_vitg14", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in the class token of DINOv2, ViT-g/14"},
    {"fd_efficientnet_lite0", "", ">= 0", "0, from above with N",
     "Frechet distance in the 1280 features of EfficientNet-Lite0; no FID"},
    {"kd_efficientnet_lite0", "", "", "0, also below",
     "unbiased squared MMD, kernel (x y / d + 1)^3, in the 1280 features of EfficientNet-Lite0"},
    {"vendi", "", ">= 1", "vendi_real",
     "effective number of different samples, cosine about the mean of the reals"},
    {"vendi_real", "", ">= 1", "", "the same of the reals"},
    {"support_ratio", "", ">= 0", "1",
     "near-duplicates among reals over those among samples, at the distance that 1 % of the reals "
     "have"},
};

}  // namespace

extern const CollectorRow kSampleMetricsCollector{
    .name = "sample_metrics",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      if (setup.config.diagnostics.sample_metrics == "off") return nullptr;
      return std::make_unique<SampleMetricsCollector>(setup);
    },
    .figures = kSampleMetricsCollectorFigures};

}  // namespace allmodes::diagnostics
