#pragma once

// Whether an autoencoder reconstructs its inputs better than one constant picture does, from sums
// over the data that add over ranks.

#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/sums.h"

namespace allmodes::diagnostics {

struct ReconstructionSums {
  int64_t count = 0;                   // samples
  double error = 0;                    // sum |x - reconstruction|^2
  double error_of_mean = 0;            // sum |x - training mean|^2
  double reconstruction_square = 0;    // sum |reconstruction - training mean|^2
  std::vector<double> input;           // [w], sum of (x - training mean)
  std::vector<double> reconstruction;  // [w], sum of (reconstruction - training mean)

  static auto sums(auto& of) {
    return std::tie(of.count, of.error, of.error_of_mean, of.reconstruction_square, of.input,
                    of.reconstruction);
  }
};

ReconstructionSums make_reconstruction_sums(int64_t width);

// Adds samples: inputs and reconstructions, both [n][w]; training_mean [w], of the training data.
// Throws ExitCode::kSoftware when the sizes do not fit.
void add(ReconstructionSums& sums, std::span<const float> inputs,
         std::span<const float> reconstructions, std::span<const float> training_mean);

// R^2 = 1 - SSE / SSE_mean: 1 is perfect, 0 no better than the training mean, below 0 worse.
// Nothing for no sample, or where every input equals the mean.
std::optional<double> r2_against_mean(const ReconstructionSums& sums);

// Variance of the reconstructions over the inputs, summed over pixels, divided by that of the
// inputs: 0 when the decoder always answers the same, about R^2 for a trained least-squares
// autoencoder. >= 0; nothing for inputs without variance.
std::optional<double> variance_ratio(const ReconstructionSums& sums);

}  // namespace allmodes::diagnostics
