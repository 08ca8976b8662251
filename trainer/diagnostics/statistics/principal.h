#pragma once

// Few numbers that stand for a sample: its coordinates along the leading principal directions of
// the data; of points with few coordinates the coordinates themselves.

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace allmodes::diagnostics {

struct Projection {
  int64_t width = 0;              // of a sample
  int64_t dimensions = 0;         // of what stands for it
  std::vector<float> mean;        // [width]
  std::vector<float> directions;  // [dimensions][width], orthonormal; empty: the sample itself
};

// The `dimensions` leading principal directions of values[n][width] about their mean, by subspace
// iteration from a random start (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4), good
// to a few per cent of a direction's variance where eigenvalues lie apart. The sample itself where
// width <= dimensions. n >= 1.
Projection principal_projection(std::span<const float> values, int64_t width, int64_t dimensions,
                                const NoiseKey& key);

// [n][dimensions] of values[n][width]. Throws ExitCode::kSoftware when the sizes do not fit.
std::vector<float> project(const Projection& projection, std::span<const float> values);

}  // namespace allmodes::diagnostics
