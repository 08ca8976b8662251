#include "diagnostics/collectors/collector.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "data/sampler.h"
#include "diagnostics/modes/mode_finder.h"
#include "training/noise.h"

namespace allmodes::diagnostics {

void for_each_chunk(int64_t total, const world::Communicator& control,
                    const std::function<void(int64_t first, int64_t count)>& work) {
  for (int64_t first = control.rank() * kChunk; first < total; first += control.size() * kChunk)
    work(first, std::min(kChunk, total - first));
}

std::vector<GeneratedChunk> generate_chunks(const Evaluation& evaluation) {
  const at::NoGradGuard no_grad;
  std::vector<GeneratedChunk> chunks;
  for_each_chunk(evaluation.samples, evaluation.control, [&](int64_t first, int64_t count) {
    const at::Tensor latent = training::make_noise(
        objectives::latent_noise("latent", evaluation.objective.latent()),
        {evaluation.seed, "evaluation", evaluation.step, first, count}, evaluation.device);
    GeneratedChunk chunk{.first = first, .samples = {}, .labels = {}};
    // Labels as the data has them, so that a histogram of classes compares like with like.
    if (evaluation.objective.conditional()) real_samples(evaluation, first, count, chunk.labels);
    chunk.samples = evaluation.objective.generate(evaluation.forward, latent, chunk.labels)
                        .to(at::kCPU)
                        .contiguous();
    chunks.push_back(std::move(chunk));
  });
  return chunks;
}

const std::vector<EncodedChunk>& Evaluation::encoded() const {
  if (!kept.empty()) return kept;
  const at::NoGradGuard no_grad;
  for_each_chunk(std::min(samples, dataset.size()), control, [&](int64_t first, int64_t count) {
    EncodedChunk chunk{.first = first, .count = count, .labels = {}, .posterior = {}};
    const at::Tensor reals = real_samples(*this, first, count, chunk.labels);
    chunk.posterior = objective.encode(forward, reals.to(device), chunk.labels);
    kept.push_back(std::move(chunk));
  });
  return kept;
}

at::Tensor real_samples(const data::Dataset& dataset, uint64_t seed, int64_t first, int64_t count,
                        std::vector<int64_t>* labels) {
  const data::Sampler order(dataset.size(), seed ^ 0x5EA15EA15EA15EA1ULL);
  std::vector<int64_t> indices(static_cast<size_t>(count));
  order.indices(static_cast<uint64_t>(first), count, indices.data());
  std::vector<int64_t> shape = objectives::network_shape(dataset.shape());
  shape.insert(shape.begin(), count);
  at::Tensor samples = at::empty(shape, at::kFloat);
  if (labels != nullptr) labels->resize(indices.size());
  dataset.copy(indices, samples.data_ptr<float>(), labels != nullptr ? labels->data() : nullptr);
  return samples;
}

at::Tensor real_samples(const Evaluation& evaluation, int64_t first, int64_t count,
                        at::Tensor& labels) {
  if (!evaluation.objective.conditional())
    return real_samples(evaluation.dataset, evaluation.seed, first, count);
  std::vector<int64_t> numbers;
  at::Tensor samples = real_samples(evaluation.dataset, evaluation.seed, first, count, &numbers);
  labels = at::from_blob(numbers.data(), {count}, at::kLong).clone().to(evaluation.device);
  return samples;
}

std::span<const float> values_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

void sum_over_ranks(world::Communicator& control, std::vector<int64_t>& values) {
  world::all_reduce_host(control, std::span(values), world::ReduceOp::sum);
}

void sum_over_ranks(world::Communicator& control, std::vector<double>& values) {
  world::all_reduce_host(control, std::span(values), world::ReduceOp::sum);
}

void record_histogram(const ModeHistogram& histogram, const config::Verdict& levels,
                      records::Record& record) {
  record.set("histogram", histogram.observed);
  if (histogram.samples == 0) return;
  const auto missing = missing_modes(histogram, levels.dropped_share, levels.significance);
  std::vector<std::string> names;
  std::vector<double> expected;
  std::vector<int64_t> observed;
  std::vector<double> tails;
  for (const auto& mode : missing) {
    names.push_back(mode.name);
    expected.push_back(mode.expected);
    observed.push_back(mode.observed);
    tails.push_back(mode.log10_tail);
  }
  record.set("missing", names);
  record.set("missing_expected", expected);
  record.set("missing_observed", observed);
  record.set("missing_log10_p", tails);
  record.set("kl_reverse", kl_reverse(histogram));
  record.set("kl_forward", kl_forward(histogram));
  record.set("kl_floor", sampling_floor(histogram));
  const auto rare = rare_modes(histogram);
  if (rare.empty()) return;
  std::vector<std::string> rare_names;
  for (const int64_t mode : rare) rare_names.push_back(histogram.names[static_cast<size_t>(mode)]);
  record.set("rare_modes", rare_names);
  record.set("rare_mode_recall", recall_of_modes(histogram, rare));
}

std::vector<std::unique_ptr<Collector>> make_collectors(const CollectorSetup& setup) {
  std::vector<std::unique_ptr<Collector>> collectors;
  const std::shared_ptr<ModeFinder> finder = make_mode_finder(setup);
  if (setup.dataset.mixture() != nullptr) {
    collectors.push_back(make_mixture_collector(setup.dataset));
  } else if (finder != nullptr) {
    collectors.push_back(make_class_collector(finder));
  }
  collectors.push_back(make_diversity_collector(setup.config));
  collectors.push_back(make_copies_collector());
  collectors.push_back(make_comparison_collector(setup, finder));
  if (setup.objective.conditional()) collectors.push_back(make_conditional_collector(finder));
  if (setup.config.diagnostics.sample_metrics != "off")
    collectors.push_back(make_sample_metrics_collector(setup));
  if (std::holds_alternative<config::Fit>(setup.config.family))
    collectors.push_back(make_fit_collector(setup));
  if (setup.objective.encodes()) {
    collectors.push_back(make_latent_collector());
    collectors.push_back(make_aggregate_collector(setup));
    collectors.push_back(make_reconstruction_collector(setup));
  }
  return collectors;
}

}  // namespace allmodes::diagnostics
