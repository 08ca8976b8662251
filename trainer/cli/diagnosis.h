#pragma once

// A diagnosis: what was measured of samples, or of a posterior, and what is said of it.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/diagnose_inputs.h"
#include "diagnostics/sample_metrics.h"
#include "diagnostics/verdict.h"
#include "world/communicator.h"

namespace allmodes::cli {

struct DiagnoseOptions {
  std::string features = "auto";  // auto, pixels, pca, random_conv
  int64_t k = 0;                  // 0: 3 for precision and recall, 5 for density and coverage
  int64_t samples = 10'000;
  uint64_t seed = 1;
};

struct Line {
  std::string name;    // as in diagnosis.json
  double value = 0;    // NaN: not measured
  std::string beside;  // what it is of equal distributions, or its range
};

struct Diagnosis {
  std::string features;  // which, with their number
  int64_t samples = 0;   // N, of each set
  std::vector<Line> lines;
  double neighborhood_cpu_s = 0;  // processor time of precision, recall, density and coverage
  diagnostics::Evidence evidence;
  diagnostics::Verdict verdict;
  std::vector<double> kl_per_dimension;  // of a posterior
  std::vector<double> class_coverage;    // of labelled reals, [classes]
  std::vector<int64_t> nearest_real;     // [fakes]
  std::vector<double> nearest_square;    // [fakes]
};

// Collective. Throws kDataError for sets of different shapes or too few samples, kUsage for
// features that these samples do not have.
Diagnosis diagnose_samples(world::Communicator& control, const DiagnosedSamples& reals,
                           const DiagnosedSamples& fakes, const DiagnoseOptions& options);

// Collective. Means and log variances [N, D] of a VAE's posteriors.
Diagnosis diagnose_posterior(world::Communicator& control, const DiagnosedSamples& means,
                             const DiagnosedSamples& log_variances, const DiagnoseOptions& options);

// The table and the verdict's line.
std::string to_text(const Diagnosis& diagnosis);

// diagnosis.json: every line by its name, state, kind, reason, witnesses, missing modes.
std::string to_json(const Diagnosis& diagnosis);

}  // namespace allmodes::cli
