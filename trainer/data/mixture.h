#pragma once

// Mixtures of isotropic Gaussians in the plane: the data sets whose modes are known exactly.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"

namespace allmodes::data {

// p(x) = sum_k weights[k] N(x; means[k], stds[k]^2 I).
struct Mixture {
  std::vector<std::array<double, 2>> means;
  std::vector<double> stds;     // > 0
  std::vector<double> weights;  // > 0, sum 1

  int64_t modes() const { return static_cast<int64_t>(means.size()); }
  // "mode 3 (1.41, 1.41)"
  std::string name(int64_t mode) const;
};

// Equal weights; mode i at angle 2 pi i / modes. All throw kConfiguration for values out of range.
Mixture ring_mixture(int64_t modes, double radius, double std);

// sqrt(modes) x sqrt(modes) means, `spacing` apart, centred on 0; mode i * side + j is at column i,
// row j.
Mixture grid_mixture(int64_t modes, double spacing, double std);

// The components as given; weights are divided by their sum.
Mixture custom_mixture(const std::vector<config::Mode>& modes);

// Draws the points with global indices first .. first + n - 1 into xy[n][2], and their components
// into labels[n] unless null. A point is a pure function of (mixture, seed, index); the samples of
// a mixture data set are the indices 0 .. size - 1 of its seed, so that indices >= size are fresh.
void sample_mixture(const Mixture& mixture, uint64_t seed, uint64_t first, int64_t n, float* xy,
                    int64_t* labels = nullptr);

// The first `samples` points of `seed` as a fixed, labelled data set.
std::unique_ptr<Dataset> make_mixture_dataset(const std::string& name, Mixture mixture,
                                              int64_t samples, uint64_t seed);

}  // namespace allmodes::data
