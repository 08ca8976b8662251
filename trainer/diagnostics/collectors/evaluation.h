#pragma once

// What an evaluation of a model has made for all its collectors: generated samples, encoded reals.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "diagnostics/features/mode_finder.h"
#include "diagnostics/features/sample_chunks.h"
#include "objectives/objective.h"

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
  int64_t samples;  // of the generator, over all ranks
  // Data that the model was not trained on, where there are any: of a family that does not draw.
  const data::Dataset* held_out = nullptr;
  mutable std::vector<EncodedChunk> kept = {};  // by encoded()

  // The samples that generate_chunks() makes on all ranks: `samples`, or, of a family that does not
  // draw, as many as there are held-out ones to reconstruct.
  int64_t made() const;
  // What a family that does not draw reconstructs.
  const data::Dataset& reconstructed() const { return held_out != nullptr ? *held_out : dataset; }

  // Of an autoencoder: this rank's chunks of as many real samples, or of all where there are fewer.
  // Encoded once for all collectors.
  const std::vector<EncodedChunk>& encoded() const;
};

// What Evaluation::held_out is for `objective`; null where it draws, or where nothing is held out.
std::unique_ptr<data::Dataset> held_out_for(const objectives::Objective& objective,
                                            const config::RunConfig& config);

// This rank's chunks of generated samples, on the host: [count, values] float each.
struct GeneratedChunk {
  int64_t first;
  at::Tensor samples;  // [count, sample shape...], host
  at::Tensor labels;   // [count] of class-conditional families, on the device; else undefined
  at::Tensor originals = {};  // what the samples are reconstructions of, host; else undefined
  mutable std::optional<std::vector<int64_t>> modes = std::nullopt;  // by modes_of_chunk()
};
// Drawn from the prior; of a family that does not draw: reconstructions of held-out samples, or of
// the data where none are held out.
std::vector<GeneratedChunk> generate_chunks(const Evaluation& evaluation);

// The mode of each of the chunk's samples, [count], found once for all collectors of an evaluation.
const std::vector<int64_t>& modes_of_chunk(const ModeFinder& finder, const GeneratedChunk& chunk);

// Real samples of the evaluation's data, `count` of them from `first` in a fixed random order;
// `labels` [count] on its device for a class-conditional family, left undefined for others.
at::Tensor real_samples(const Evaluation& evaluation, int64_t first, int64_t count,
                        at::Tensor& labels);

}  // namespace allmodes::diagnostics
