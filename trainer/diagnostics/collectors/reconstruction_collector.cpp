// Collapse to the mean: R^2 of the reconstructions against the training mean, their variance over
// the inputs, and how far the decoder's output depends on z at all (reconstruction.h).

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/latents/reconstruction.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

// The mean of the whole data set, in double, each rank over its chunks.
std::vector<float> training_mean(const data::Dataset& dataset, world::Communicator& control) {
  const auto width = static_cast<size_t>(dataset.shape().values());
  std::vector<double> sums(width, 0.0);
  std::vector<int64_t> indices;
  std::vector<float> values;
  for_each_chunk(dataset.size(), control, [&](int64_t first, int64_t count) {
    indices.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) indices[static_cast<size_t>(i)] = first + i;
    values.resize(indices.size() * width);
    dataset.copy(indices, values.data(), nullptr);
    for (size_t i = 0; i < values.size(); ++i) sums[i % width] += values[i];
  });
  sum_over_ranks(control, sums);
  std::vector<float> mean(width);
  for (size_t i = 0; i < width; ++i)
    mean[i] = static_cast<float>(sums[i] / static_cast<double>(dataset.size()));
  return mean;
}

class ReconstructionCollector final : public Collector {
 public:
  ReconstructionCollector(const data::Dataset& dataset, world::Communicator& control)
      : mean_(training_mean(dataset, control)) {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    const at::NoGradGuard no_grad;
    const auto width = static_cast<int64_t>(mean_.size());
    ReconstructionSums sums = make_reconstruction_sums(width);
    // Of samples drawn from the prior only the spread around the mean is used. What a family that
    // does not draw has made are reconstructions.
    ReconstructionSums drawn = make_reconstruction_sums(width);
    for (const EncodedChunk& chunk : evaluation.encoded()) {
      const at::Tensor inputs =
          real_samples(evaluation.dataset, evaluation.seed, chunk.first, chunk.count);
      const at::Tensor outputs =
          evaluation.objective.generate(evaluation.forward, chunk.posterior.mean, chunk.labels)
              .to(at::kCPU)
              .contiguous();
      add(sums, values_of(inputs), values_of(outputs), mean_);
    }
    if (evaluation.objective.draws())
      for (const auto& chunk : generated)
        add(drawn, values_of(chunk.samples), values_of(chunk.samples), mean_);
    sum_over_ranks(evaluation.control, sums);
    sum_over_ranks(evaluation.control, drawn);
    write(sums, drawn, record, evidence);
  }

 private:
  // Variance of inputs or outputs over the samples, summed over the values.
  static double spread(double square, const std::vector<double>& sum, int64_t count) {
    const auto n = static_cast<double>(count);
    double of_mean = 0;
    for (const double value : sum) of_mean += value / n * value / n;
    return std::max(0.0, square / n - of_mean);
  }

  static void write(const ReconstructionSums& sums, const ReconstructionSums& drawn,
                    records::Record& record, Evidence& evidence) {
    if (const auto r2 = r2_against_mean(sums)) {
      record.set("r2_mean", *r2);
      evidence.r2_mean = *r2;
    }
    if (const auto ratio = variance_ratio(sums)) {
      record.set("variance_ratio", *ratio);
      evidence.variance_ratio = *ratio;
    }
    if (sums.count == 0 || drawn.count == 0) return;
    const double data_spread = spread(sums.error_of_mean, sums.input, sums.count);
    if (data_spread <= 0) return;
    const double sensitivity =
        spread(drawn.reconstruction_square, drawn.reconstruction, drawn.count) / data_spread;
    record.set("decoder_sensitivity", sensitivity);
    evidence.decoder_sensitivity = sensitivity;
  }

  std::vector<float> mean_;
};

constexpr records::Figure kReconstructionCollectorFigures[] = {
    {"r2_mean", "", "<= 1", "",
     "1 - squared error of reconstructions over that of the mean of the training data; 0 is no "
     "better than that mean"},
    {"variance_ratio", "", ">= 0", "1",
     "variance of reconstructions over that of inputs; 0 for one answer to all"},
    {"decoder_sensitivity", "", ">= 0", "1",
     "variance of the output over z of the prior, over that of the data; near 0 the decoder "
     "ignores z"},
};

}  // namespace

extern const CollectorRow kReconstructionCollector{
    .name = "reconstruction",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      if (!setup.objective.encodes()) return nullptr;
      return std::make_unique<ReconstructionCollector>(setup.dataset, setup.control);
    },
    .figures = kReconstructionCollectorFigures};

}  // namespace allmodes::diagnostics
