// The posterior of an autoencoder: KL per dimension, active units, aggregate posterior (latent.h).
// A deterministic encoder has no KL; and where the prior is not N(0, I), its closed form is not
// that of the prior.

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

class LatentCollector final : public Collector {
 public:
  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>&,
               records::Record& record, Evidence& evidence) override {
    const at::NoGradGuard no_grad;
    const int64_t dimensions = evaluation.objective.latent().dimension;
    LatentSums sums = make_latent_sums(dimensions);
    bool gaussian = false;
    for (const EncodedChunk& chunk : evaluation.encoded()) {
      const at::Tensor mean = chunk.posterior.mean.to(at::kCPU).contiguous();
      gaussian = chunk.posterior.log_variance.defined();
      if (!gaussian) {
        add(sums, values_of(mean));
        continue;
      }
      const at::Tensor log_variance = chunk.posterior.log_variance.to(at::kCPU).contiguous();
      add(sums, values_of(mean), values_of(log_variance));
    }
    sum_over_ranks(evaluation.control, sums);
    // A rank without a chunk does not know.
    gaussian = world::all_reduce_value<int64_t>(evaluation.control, gaussian ? 1 : 0,
                                                world::ReduceOp::max) > 0;

    record.set("active_units", active_units(sums));
    record.set("latent_dimensions", dimensions);
    evidence.active_units = active_units(sums);
    evidence.latent_dimensions = dimensions;
    if (gaussian && evaluation.objective.latent().distribution == "normal")
      write_divergences(sums, record, evidence);
  }

 private:
  static void write_divergences(const LatentSums& sums, records::Record& record,
                                Evidence& evidence) {
    std::vector<double> kl = kl_per_dimension(sums);
    const auto aggregate = aggregate_kl_per_dimension(sums);
    double aggregate_total = 0;
    for (const double value : aggregate) aggregate_total += value;
    record.set("kl_total", kl_total(sums));
    record.set("aggregate_kl", aggregate_total);
    evidence.kl_total = kl_total(sums);
    evidence.aggregate_kl = aggregate_total;
    std::sort(kl.begin(), kl.end(), std::greater<>());
    record.set("kl_per_dim", kl);
  }
};

constexpr records::Figure kLatentCollectorFigures[] = {
    {"active_units", "", "", "",
     "latent dimensions whose posterior mean varies over the data with variance above 0.01"},
    {"latent_dimensions", "", "", "", "dimensions of the latent"},
    {"kl_total", "nats", ">= 0", "",
     "KL of posterior from prior, summed over dimensions; near 0 the encoder says nothing"},
    {"aggregate_kl", "nats", ">= 0", "0",
     "KL of the codes from the prior by mean and variance of each dimension, summed"},
    {"kl_per_dim", "nats", ">= 0", "",
     "KL of posterior from prior of each dimension, largest first"},
};

}  // namespace

extern const CollectorRow kLatentCollector{
    .name = "latent",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      // The scale of a book's codes says nothing: there is no prior that it is compared with.
      if (!setup.objective.encodes() || setup.objective.codes() > 0) return nullptr;
      return std::make_unique<LatentCollector>();
    },
    .figures = kLatentCollectorFigures};

}  // namespace allmodes::diagnostics
