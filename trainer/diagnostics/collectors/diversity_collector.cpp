// Mean pairwise distance of generated samples over that of as many real ones.

#include <algorithm>
#include <cmath>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/moments.h"

namespace allmodes::diagnostics {
namespace {

class DiversityCollector final : public Collector {
 public:
  explicit DiversityCollector(int64_t pairs) : pairs_(pairs) {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    Moments fake;
    Moments real;
    int64_t nonfinite = 0;
    for (const auto& chunk : generated) {
      const int64_t count = chunk.samples.size(0);
      const int64_t width = chunk.samples.numel() / count;
      const std::span<const float> values{chunk.samples.data_ptr<float>(),
                                          static_cast<size_t>(chunk.samples.numel())};
      for (const float value : values) nonfinite += std::isfinite(value) ? 0 : 1;
      if (count < 2) continue;
      const auto pairs = random_pairs({evaluation.seed, Purpose("diversity"), evaluation.step},
                                      static_cast<uint64_t>(count), std::min(pairs_, count));
      const at::Tensor reals =
          real_samples(evaluation.dataset, evaluation.seed, chunk.first, count);
      merge(fake, pair_distances(values, width, pairs));
      merge(real, pair_distances({reals.data_ptr<float>(), static_cast<size_t>(reals.numel())},
                                 width, pairs));
    }
    sum_over_ranks(evaluation.control, fake);
    sum_over_ranks(evaluation.control, real);
    nonfinite = world::all_reduce_value(evaluation.control, nonfinite, world::ReduceOp::sum);
    if (fake.count == 0) return;
    const double ratio = diversity_ratio(fake, real);
    record.set("diversity", ratio);
    evidence.diversity_ratio = ratio;
    evidence.nonfinite_samples = std::max(evidence.nonfinite_samples, nonfinite);
  }

 private:
  int64_t pairs_;
};

constexpr records::Figure kDiversityCollectorFigures[] = {
    {"diversity", "", ">= 0", "1",
     "distance of two samples over that of two reals: the mean in evaluations, the median in "
     "diagnoses; 0 for one sample repeated"},
};

}  // namespace

extern const CollectorRow kDiversityCollector{
    .name = "diversity",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      return std::make_unique<DiversityCollector>(setup.config.diagnostics.diversity_pairs);
    },
    .figures = kDiversityCollectorFigures};

}  // namespace allmodes::diagnostics
