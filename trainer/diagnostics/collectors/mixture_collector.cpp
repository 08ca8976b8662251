// Modes of a mixture of Gaussians: histogram, coverage and high-quality share (mixture_scores.h).

#include "base/error.h"
#include "data/mixture.h"
#include "diagnostics/collectors/collector.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/modes/mixture_scores.h"

namespace allmodes::diagnostics {
namespace {

class MixtureCollector final : public Collector {
 public:
  explicit MixtureCollector(const data::Mixture& mixture) : mixture_(mixture) {
    for (const auto& mean : mixture.means) means_.insert(means_.end(), mean.begin(), mean.end());
    for (int64_t mode = 0; mode < mixture.modes(); ++mode) names_.push_back(mixture.name(mode));
  }

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    MixtureCounts counts = count_modes({}, {means_, mixture_.stds});
    for (const auto& chunk : generated) {
      merge(counts, count_modes({chunk.samples.data_ptr<float>(),
                                 static_cast<size_t>(chunk.samples.numel())},
                                {means_, mixture_.stds}));
    }
    sum_over_ranks(evaluation.control, counts);
    ModeHistogram histogram{names_, mixture_.weights, counts.nearest, counts.samples};
    record.set("modes_covered", modes_with_quality(counts));
    record.set("modes_total", std::ssize(names_));
    record.set("high_quality", high_quality_share(counts));
    evidence.modes_covered = modes_with_quality(counts);
    evidence.high_quality = high_quality_share(counts);
    evidence.nonfinite_samples = counts.nonfinite;
    evidence.modes = std::move(histogram);
    int64_t good = 0;
    for (const int64_t count : counts.high_quality) good += count;
    evidence.good_modes = ModeHistogram{names_, mixture_.weights, counts.high_quality, good};
  }

 private:
  const data::Mixture& mixture_;
  std::vector<double> means_;
  std::vector<std::string> names_;
};

constexpr records::Figure kMixtureCollectorFigures[] = {
    {"high_quality", "share", "[0, 1]", "0.989",
     "of samples within three standard deviations of a mode"},
};

}  // namespace

extern const CollectorRow kMixtureCollector{
    .name = "mixture",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      if (setup.dataset.mixture() == nullptr) return nullptr;
      return std::make_unique<MixtureCollector>(*setup.dataset.mixture());
    },
    .figures = kMixtureCollectorFigures};

}  // namespace allmodes::diagnostics
