#include "diagnostics/collectors/evaluation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "training/noise.h"

namespace allmodes::diagnostics {

std::unique_ptr<data::Dataset> held_out_for(const objectives::Objective& objective,
                                            const config::RunConfig& config) {
  if (objective.draws()) return nullptr;
  return data::make_held_out_dataset(config.data, config.seed);
}

std::vector<GeneratedChunk> generate_chunks(const Evaluation& evaluation) {
  const at::NoGradGuard no_grad;
  std::vector<GeneratedChunk> chunks;
  const auto& objective = evaluation.objective;
  for_each_chunk(evaluation.made(), evaluation.control, [&](int64_t first, int64_t count) {
    if (!objective.draws()) {
      GeneratedChunk chunk{.first = first, .samples = {}, .labels = {}};
      chunk.originals = real_samples(evaluation.reconstructed(), evaluation.seed, first, count);
      const auto posterior =
          objective.encode(evaluation.forward, chunk.originals.to(evaluation.device), chunk.labels);
      chunk.samples = objective.generate(evaluation.forward, posterior.mean, chunk.labels)
                          .to(at::kCPU)
                          .contiguous();
      chunks.push_back(std::move(chunk));
      return;
    }
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

const std::vector<int64_t>& modes_of_chunk(const ModeFinder& finder, const GeneratedChunk& chunk) {
  if (!chunk.modes) chunk.modes = finder.find(chunk.samples);
  return *chunk.modes;
}

int64_t Evaluation::made() const {
  return objective.draws() ? samples : std::min(samples, reconstructed().size());
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

at::Tensor real_samples(const Evaluation& evaluation, int64_t first, int64_t count,
                        at::Tensor& labels) {
  if (!evaluation.objective.conditional())
    return real_samples(evaluation.dataset, evaluation.seed, first, count);
  std::vector<int64_t> numbers;
  at::Tensor samples = real_samples(evaluation.dataset, evaluation.seed, first, count, &numbers);
  labels = at::from_blob(numbers.data(), {count}, at::kLong).clone().to(evaluation.device);
  return samples;
}

}  // namespace allmodes::diagnostics
