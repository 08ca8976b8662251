// The posterior of an autoencoder: KL per dimension, active units, aggregate posterior (latent.h).
// A deterministic encoder has no KL; and where the prior is not N(0, I), its closed form is not
// that of the prior.

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <variant>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/latents/linear_units.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/principal.h"
#include "objectives/kernel.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kSpectrumReals = 2000;

std::vector<double> variances_of(const std::vector<float>& values, int64_t width) {
  const auto w = static_cast<size_t>(width);
  const auto count = static_cast<double>(values.size() / w);
  std::vector<double> sum(w, 0), square(w, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<double>(values[i]);
    sum[i % w] += value;
    square[i % w] += value * value;
  }
  for (size_t j = 0; j < w; ++j)
    square[j] = std::max(0.0, square[j] / count - sum[j] / count * sum[j] / count);
  return square;
}

// beta times the variance of the decoder, where both are known: of an unconditional VAE with a
// Gaussian likelihood.
std::optional<double> noise_of(const config::RunConfig& config) {
  const auto* vae = std::get_if<config::Vae>(&config.family);
  if (vae == nullptr || vae->conditional || vae->likelihood != "gaussian" || vae->beta <= 0 ||
      vae->importance_samples > 1)
    return std::nullopt;
  return vae->beta * vae->variance;
}

// Of the first reals, along their leading principal directions.
LinearUnits linear_units_of(const Evaluation& evaluation, double noise, int64_t latent) {
  const int64_t width = evaluation.dataset.shape().values();
  const int64_t count = std::min(kSpectrumReals, evaluation.dataset.size());
  const at::Tensor reals = real_samples(evaluation.dataset, evaluation.seed, 0, count);
  const auto values = values_of(reals);
  const auto projection = principal_projection(values, width, std::min(latent, width - 1),
                                               {.seed = 1, .purpose = Purpose("data spectrum")});
  const auto along = variances_of(project(projection, values), projection.dimensions);
  const auto each = variances_of({values.begin(), values.end()}, width);
  const double total = std::accumulate(each.begin(), each.end(), 0.0);
  return total > 0 ? linear_units(along, total, noise, latent) : LinearUnits();
}

class LatentCollector final : public Collector {
 public:
  explicit LatentCollector(std::optional<double> noise) : noise_(noise) {}

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

    const int64_t active =
        active_units(sums, objectives::prior_variance(evaluation.objective.latent()));
    record.set("active_units", active);
    record.set("latent_dimensions", dimensions);
    evidence.active_units = active;
    evidence.latent_dimensions = dimensions;
    if (noise_ && evaluation.dataset.shape().values() > 1) {
      if (!linear_) linear_ = linear_units_of(evaluation, *noise_, dimensions);
      record.set("linear_units", linear_->units);
      evidence.linear_units = *linear_;
    }
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

  std::optional<double> noise_;
  std::optional<LinearUnits> linear_;  // of the data, which stay
};

constexpr records::Figure kLatentCollectorFigures[] = {
    {"active_units", "", "", "",
     "latent dimensions whose posterior mean varies over the data with variance above a hundredth "
     "of the prior's"},
    {"latent_dimensions", "", "", "", "dimensions of the latent"},
    {"linear_units", "", "", "",
     "active units of a linear VAE of these data, beta and decoder's variance: directions in which "
     "the data vary by more than beta times that (likelihood gaussian)"},
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
      return std::make_unique<LatentCollector>(noise_of(setup.config));
    },
    .figures = kLatentCollectorFigures};

}  // namespace allmodes::diagnostics
