// A diagnostic that is recorded: how far from the origin the samples lie.

#include <ATen/TensorOperators.h>
#include <ATen/ops/norm.h>

#include <array>
#include <span>

#include "diagnostics/collectors/collector.h"

namespace allmodes::diagnostics {
namespace {

class RadiusCollector final : public Collector {
 public:
  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& /*evidence*/) override {
    std::array<double, 2> sum_and_count{};
    for (const auto& chunk : generated) {
      const at::Tensor rows = chunk.samples.flatten(1);
      sum_and_count[0] += at::norm(rows, 2, 1).sum().item<double>();
      sum_and_count[1] += static_cast<double>(rows.size(0));
    }
    world::all_reduce_host(evaluation.control, std::span<double>(sum_and_count),
                           world::ReduceOp::sum);
    record.set("mean_radius", sum_and_count[0] / sum_and_count[1]);
  }
};

constexpr records::Figure kRadiusFigures[] = {
    {"mean_radius", "", ">= 0", "that of the data", "mean distance of the samples from the origin"},
};

}  // namespace

extern const CollectorRow kRadiusCollector{
    .name = "radius",
    .make = [](const CollectorSetup&, const std::shared_ptr<ModeFinder>&)
        -> std::unique_ptr<Collector> { return std::make_unique<RadiusCollector>(); },
    .figures = kRadiusFigures};

}  // namespace allmodes::diagnostics
