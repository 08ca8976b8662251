// The aggregate posterior beside the prior (latent_aggregate.h): MMD^2 of up to 500 codes, drawn
// from the posteriors of as many real samples, and prior samples; and, once a run, what the same
// estimate says of random halves of twice as many prior samples. The kernel is the multiscale
// inverse multiquadric whatever the family trains with, so that figures of families compare.
//
// Cost: half a million kernels an evaluation, some 10 ms for 20 dimensions, split
// over the ranks; for the null, once, as many kernels and a hundred times as many additions.

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/latents/aggregate_posterior.h"
#include "diagnostics/latents/mutual_information.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/null_distribution.h"
#include "objectives/autoencoder.h"
#include "objectives/kernel.h"
#include "training/noise.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kCodes = 500;
constexpr int64_t kNullDraws = 100;
constexpr double kNullQuantile = 0.99;

// Of two prior samples as large as the codes.
struct PriorNull {
  double mean;
  double quantile;
  Null law;
};

class AggregateCollector final : public Collector {
 public:
  explicit AggregateCollector(const config::Latent& latent)
      : latent_(latent), kernel_(objectives::make_kernel({}, latent)) {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>&,
               records::Record& record, Evidence& evidence) override {
    const at::NoGradGuard no_grad;
    const int64_t count = std::min({kCodes, evaluation.samples, evaluation.dataset.size()});
    if (count < 2) return;
    if (!null_) null_ = draw_null(evaluation, count);
    const std::vector<float> codes = codes_of(evaluation, count);
    const at::Tensor prior = draw(evaluation, "aggregate prior", evaluation.step, count);
    const KernelMeans means = means_over_ranks(evaluation.control, codes, values_of(prior));
    const CodeSpread spread =
        code_spread(codes, latent_.dimension, objectives::prior_variance(latent_));
    record.set("aggregate_mmd", squared_mmd(means));
    record.set("aggregate_mmd_null_mean", null_->mean);
    record.set("aggregate_mmd_null_q99", null_->quantile);
    record.set("aggregate_discrepancy", discrepancy(means));
    record.set("aggregate_samples", count);
    record.set("code_rank", spread.rank);
    record.set("code_effective_dimensions", spread.effective_dimensions);
    record.set("dead_dimensions", spread.dead_dimensions);
    add_information(evaluation, count, record, evidence);
    evidence.aggregate_mmd = squared_mmd(means);
    evidence.aggregate_mmd_null_q99 = null_->quantile;
    evidence.aggregate_mmd_log10_tail = null_->law.log10_tail(squared_mmd(means));
    evidence.aggregate_discrepancy = discrepancy(means);
  }

 private:
  at::Tensor draw(const Evaluation& evaluation, const std::string& name, uint64_t index,
                  int64_t count) const {
    return training::make_noise(objectives::latent_noise(name, latent_),
                                {evaluation.seed, "evaluation", index, 0, count}, at::kCPU);
  }

  // [count][dimension] on every rank, of the first codes of all.
  std::vector<float> codes_of(const Evaluation& evaluation, int64_t count) const {
    const auto width = static_cast<size_t>(latent_.dimension);
    std::vector<double> codes(static_cast<size_t>(count) * width);
    for (const EncodedChunk& chunk : evaluation.encoded()) {
      const int64_t rows = std::min(chunk.count, count - chunk.first);
      if (rows <= 0) continue;
      const at::Tensor noise = training::make_noise(
          objectives::posterior_noise("aggregate posterior", latent_),
          {evaluation.seed, "evaluation", evaluation.step, chunk.first, chunk.count},
          evaluation.device);
      const at::Tensor code =
          objectives::sample_posterior(chunk.posterior, noise).to(at::kCPU).contiguous();
      std::copy_n(code.data_ptr<float>(), rows * latent_.dimension,
                  codes.begin() + static_cast<std::ptrdiff_t>(chunk.first * latent_.dimension));
    }
    sum_over_ranks(evaluation.control, codes);
    return {codes.begin(), codes.end()};
  }

  // Between sample and code, of the first posteriors as a mixture; of Gaussian ones.
  void add_information(const Evaluation& evaluation, int64_t count, records::Record& record,
                       Evidence& evidence) const {
    const auto width = static_cast<size_t>(latent_.dimension);
    std::vector<double> rows(2 * static_cast<size_t>(count) * width + 1, 0);
    const auto place = [&](const EncodedChunk& chunk, const at::Tensor& values, size_t half) {
      const int64_t kept = std::min(chunk.count, count - chunk.first);
      const at::Tensor host = values.to(at::kCPU).contiguous();
      const size_t first = half * static_cast<size_t>(count) + static_cast<size_t>(chunk.first);
      std::copy_n(host.data_ptr<float>(), kept * latent_.dimension,
                  rows.begin() + static_cast<std::ptrdiff_t>(first * width));
    };
    for (const EncodedChunk& chunk : evaluation.encoded()) {
      if (chunk.first >= count || !chunk.posterior.log_variance.defined()) continue;
      place(chunk, chunk.posterior.mean, 0);
      place(chunk, chunk.posterior.log_variance, 1);
      rows.back() = 1;
    }
    sum_over_ranks(evaluation.control, rows);
    if (rows.back() == 0) return;
    const std::vector<float> values(rows.begin(), rows.end() - 1);
    const std::span<const float> all(values);
    const RowRange mine = rows_of_rank(count, evaluation.control.rank(), evaluation.control.size());
    std::vector<double> sum = {information_sum(
        all.first(values.size() / 2), all.last(values.size() / 2), latent_.dimension, mine.first,
        mine.last, {evaluation.seed, Purpose("evaluation information"), evaluation.step})};
    sum_over_ranks(evaluation.control, sum);
    evidence.information = sum[0] / static_cast<double>(count);
    record.set("mutual_information", *evidence.information);
  }

  // Each rank takes every so many rows: sums of zeros and one value do not depend on the ranks.
  KernelMeans means_over_ranks(world::Communicator& control, std::span<const float> codes,
                               std::span<const float> prior) const {
    const RowPart part{control.rank(), control.size()};
    std::vector<double> packed;
    for (const auto& sums :
         {kernel_row_sums(codes, latent_.dimension, kernel_.widths, part),
          kernel_row_sums(prior, latent_.dimension, kernel_.widths, part),
          kernel_row_sums(codes, prior, latent_.dimension, kernel_.widths, part)})
      packed.insert(packed.end(), sums.begin(), sums.end());
    sum_over_ranks(control, packed);
    const size_t rows = packed.size() / 3;
    const std::span<const double> all(packed);
    return kernel_means(all.first(rows), all.subspan(rows, rows), all.last(rows));
  }

  // On every rank alike.
  PriorNull draw_null(const Evaluation& evaluation, int64_t count) const {
    const at::Tensor pool = draw(evaluation, "aggregate null", 0, 2 * count);
    const auto values =
        null_of_halves(values_of(pool), latent_.dimension, kernel_.widths, kNullDraws,
                       {evaluation.seed, Purpose("aggregate null, halves"), 0});
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    return {sum / kNullDraws, quantile(values, kNullQuantile), Null(values, Worse::high)};
  }

  config::Latent latent_;
  objectives::KernelFunction kernel_;
  std::optional<PriorNull> null_;
};

constexpr records::Figure kAggregateCollectorFigures[] = {
    {"aggregate_mmd", "", "", "about 0",
     "squared MMD of codes and prior samples (unbiased, inverse multiquadric kernels of seven "
     "widths)"},
    {"aggregate_mmd_null_mean", "", "", "", "the same of two prior samples, mean of 100 draws"},
    {"aggregate_mmd_null_q99", "", "", "",
     "the same, 99 % quantile: an aggregate_mmd below it is not to be told from a perfect match"},
    {"aggregate_discrepancy", "", "[0, 1]", "about 0",
     "aggregate_mmd over the mean kernels within the two samples: an effect size"},
    {"mutual_information", "nats", "[0, ln N]", "",
     "between sample and code, of aggregate_samples posteriors as a mixture"},
    {"aggregate_samples", "samples", "", "", "whose codes were compared"},
    {"code_effective_dimensions", "", ">= 0", "",
     "(tr C)^2 / tr C^2 of the covariance C of the codes"},
    {"code_rank", "", "", "all dimensions",
     "directions that leave no dimension with 1 % of the variance of the prior"},
    {"dead_dimensions", "", "", "0",
     "latent dimensions with less than 1 % of the variance of the prior"},
};

}  // namespace

extern const CollectorRow kAggregateCollector{
    .name = "aggregate",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      if (!setup.objective.encodes() || !setup.objective.draws()) return nullptr;
      return std::make_unique<AggregateCollector>(setup.objective.latent());
    },
    .figures = kAggregateCollectorFigures};

}  // namespace allmodes::diagnostics
