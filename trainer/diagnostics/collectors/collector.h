#pragma once

// Collectors: each measures one thing at an evaluation, the same on every rank count, and adds its
// fields to the record and its evidence for the verdict. A collector is a class in a file of its
// own and a line in make_collectors().

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "diagnostics/verdict/verdict.h"
#include "objectives/objective.h"
#include "records/record.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// Real samples as the encoder sees them.
struct EncodedChunk {
  int64_t first;
  int64_t count;
  at::Tensor labels;                           // as in GeneratedChunk
  objectives::Objective::Posterior posterior;  // [count, dimension], on the device
};

// What collectors look at. Work is cut into chunks of fixed size by global sample index, and a rank
// takes whole chunks, so that every sample is computed in the same batch whatever the rank count.
struct Evaluation {
  const objectives::Objective& objective;
  const objectives::Forward& forward;  // evaluation mode, averaged weights
  const data::Dataset& dataset;
  world::Communicator& control;
  at::Device device;
  uint64_t seed;
  uint64_t step;
  int64_t samples;                              // of the generator, over all ranks
  mutable std::vector<EncodedChunk> kept = {};  // by encoded()

  // Of an autoencoder: this rank's chunks of as many real samples, or of all where there are fewer.
  // Encoded once for all collectors.
  const std::vector<EncodedChunk>& encoded() const;
};

inline constexpr int64_t kChunk = 250;

// Calls `work(first, count)` for each chunk of [0, total) that is this rank's.
void for_each_chunk(int64_t total, const world::Communicator& control,
                    const std::function<void(int64_t first, int64_t count)>& work);

// This rank's chunks of generated samples, on the host: [count, values] float each.
struct GeneratedChunk {
  int64_t first;
  at::Tensor samples;  // [count, sample shape...], host
  at::Tensor labels;   // [count] of class-conditional families, on the device; else undefined
};
std::vector<GeneratedChunk> generate_chunks(const Evaluation& evaluation);

// Real samples for comparison, `count` of them from `first` in a fixed random order of the data.
at::Tensor real_samples(const data::Dataset& dataset, uint64_t seed, int64_t first, int64_t count,
                        std::vector<int64_t>* labels = nullptr);

// The same of the evaluation's data; `labels` [count] on its device for a class-conditional family,
// left undefined for others.
at::Tensor real_samples(const Evaluation& evaluation, int64_t first, int64_t count,
                        at::Tensor& labels);

// A view of a float tensor's numbers, which must be on the host and contiguous.
std::span<const float> values_of(const at::Tensor& tensor);

class Collector {
 public:
  virtual ~Collector() = default;
  virtual void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
                       records::Record& record, Evidence& evidence) = 0;
};

// What the collectors are made from. Making them may train a classifier: collective.
struct CollectorSetup {
  const config::RunConfig& config;
  const objectives::Objective& objective;
  const data::Dataset& dataset;
  world::Communicator& control;
  world::Communicator& exchange;
  at::Device device;
};

std::vector<std::unique_ptr<Collector>> make_collectors(const CollectorSetup& setup);

std::unique_ptr<Collector> make_mixture_collector(const data::Dataset& dataset);
std::unique_ptr<Collector> make_diversity_collector(const config::RunConfig& config);
std::unique_ptr<Collector> make_latent_collector();
std::unique_ptr<Collector> make_aggregate_collector(const CollectorSetup& setup);
std::unique_ptr<Collector> make_reconstruction_collector(const CollectorSetup& setup);
std::unique_ptr<Collector> make_fit_collector(const CollectorSetup& setup);
std::unique_ptr<Collector> make_copies_collector();
// Precision, recall, density, coverage, Frechet and kernel distance (diagnostics.sample_metrics).
std::unique_ptr<Collector> make_sample_metrics_collector(const CollectorSetup& setup);

// Fields of a mode histogram in a record.
void record_histogram(const ModeHistogram& histogram, const config::Verdict& levels,
                      records::Record& record);

// Sums over ranks, in place.
void sum_over_ranks(world::Communicator& control, std::vector<int64_t>& values);
void sum_over_ranks(world::Communicator& control, std::vector<double>& values);

}  // namespace allmodes::diagnostics
