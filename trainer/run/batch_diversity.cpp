#include "run/batch_diversity.h"

#include <algorithm>
#include <string>

#include "base/random.h"
#include "diagnostics/statistics/moments.h"

namespace allmodes::run {

void add_batch_diversity(const training::StepReport& report, const config::RunConfig& config,
                         uint64_t step, RankSums& sums) {
  const auto measure = [&](const char* name, const at::Tensor& batch) {
    diagnostics::Moments moments;
    if (batch.defined() && batch.size(0) >= 2) {
      const at::Tensor host = batch.to(at::kCPU).contiguous();
      const auto pairs = diagnostics::random_pairs(
          {config.seed, Purpose("batch diversity"), step}, static_cast<uint64_t>(host.size(0)),
          std::min(config.diagnostics.diversity_pairs, host.size(0)));
      moments =
          diagnostics::pair_distances({host.data_ptr<float>(), static_cast<size_t>(host.numel())},
                                      host.numel() / host.size(0), pairs);
    }
    sums.add(std::string(name) + " distances", moments.sum);
    sums.add(std::string(name) + " pairs", moments.count);
  };
  measure("fake", report.generated);
  measure("real", report.samples);
}

std::optional<double> batch_diversity(const RankSums& sums) {
  if (sums["fake pairs"] <= 0 || sums["real pairs"] <= 0 || sums["real distances"] <= 0)
    return std::nullopt;
  return sums["fake distances"] / sums["fake pairs"] /
         (sums["real distances"] / sums["real pairs"]);
}

}  // namespace allmodes::run
