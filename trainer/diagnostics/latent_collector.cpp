// The posterior of an autoencoder: KL per dimension, active units, aggregate posterior (latent.h).

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>

#include "diagnostics/collector.h"
#include "diagnostics/latent.h"

namespace allmodes::diagnostics {
namespace {

std::vector<double> packed(const LatentSums& sums) {
  std::vector<double> values{static_cast<double>(sums.count)};
  for (const auto* part : {&sums.kl, &sums.mean, &sums.square, &sums.variance})
    values.insert(values.end(), part->begin(), part->end());
  return values;
}

LatentSums unpacked(const std::vector<double>& values, int64_t dimensions) {
  LatentSums sums = make_latent_sums(dimensions);
  sums.count = static_cast<int64_t>(values[0]);
  auto at = values.begin() + 1;
  for (auto* part : {&sums.kl, &sums.mean, &sums.square, &sums.variance}) {
    std::copy_n(at, dimensions, part->begin());
    at += dimensions;
  }
  return sums;
}

class LatentCollector final : public Collector {
 public:
  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>&,
               records::Record& record, Evidence& evidence) override {
    const at::NoGradGuard no_grad;
    const int64_t dimensions = evaluation.objective.latent().dimension;
    LatentSums sums = make_latent_sums(dimensions);
    const int64_t total = std::min(evaluation.samples, evaluation.dataset.size());
    for_each_chunk(total, evaluation.control, [&](int64_t first, int64_t count) {
      at::Tensor labels;
      const at::Tensor samples = real_samples(evaluation, first, count, labels);
      const auto posterior =
          evaluation.objective.encode(evaluation.forward, samples.to(evaluation.device), labels);
      const at::Tensor mean = posterior.mean.to(at::kCPU).contiguous();
      const at::Tensor log_variance = posterior.log_variance.to(at::kCPU).contiguous();
      const auto size = static_cast<size_t>(mean.numel());
      add(sums, {mean.data_ptr<float>(), size}, {log_variance.data_ptr<float>(), size});
    });
    std::vector<double> values = packed(sums);
    sum_over_ranks(evaluation.control, values);
    sums = unpacked(values, dimensions);

    std::vector<double> kl = kl_per_dimension(sums);
    const auto aggregate = aggregate_kl_per_dimension(sums);
    double aggregate_total = 0;
    for (const double value : aggregate) aggregate_total += value;
    record.set("kl_total", kl_total(sums));
    record.set("active_units", active_units(sums));
    record.set("latent_dimensions", dimensions);
    record.set("aggregate_kl", aggregate_total);
    evidence.kl_total = kl_total(sums);
    evidence.active_units = active_units(sums);
    evidence.latent_dimensions = dimensions;
    evidence.aggregate_kl = aggregate_total;
    std::sort(kl.begin(), kl.end(), std::greater<>());
    record.set("kl_per_dim", kl);
  }
};

}  // namespace

std::unique_ptr<Collector> make_latent_collector() {
  return std::make_unique<LatentCollector>();
}

}  // namespace allmodes::diagnostics
