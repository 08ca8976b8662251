#pragma once

// A diagnosis: what was measured of samples, or of a posterior, and what is said of it.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diagnosis/inputs.h"
#include "diagnostics/features/sample_features.h"
#include "diagnostics/metrics/sample_metrics.h"
#include "diagnostics/statistics/interval.h"
#include "diagnostics/verdict/verdict.h"
#include "records/figure.h"
#include "report/verdict_text.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {

struct DiagnoseOptions {
  pretrained::NetworkChoice features{.name = "auto"};  // any of config::kFeatures
  at::Device network_device = at::kCPU;                // of a pretrained network
  int64_t k = 0;  // 0: 3 for precision and recall, 5 for density and coverage
  int64_t samples = 10'000;
  uint64_t seed = 1;
  bool verbose = false;  // findings that follow from the one that decides are listed, too
};

// The features that the options name for such reals; collective. Principal components are those of
// `fitted`, rows of samples: not the reals alone that are compared, to which the components would
// then be nearer than to any other sample. Throws kUsage where features cannot be had, and says
// `remedy`.
diagnostics::FeatureMap features_for(const DiagnoseOptions& options,
                                     const diagnostics::ClassifierSetup& setup,
                                     const diagnostics::Features& fitted,
                                     const std::string& remedy);

// A figure of the table (figures.h).
struct Line {
  std::string name;  // as in diagnosis.json
  double value = 0;  // NaN: not measured
  std::string beside =
      {};  // of these very samples: what equal ones have, of how many; else as described
  bool printed = true;  // false: in diagnosis.json only
  std::optional<diagnostics::Interval> interval = {};
  std::string brief = {};  // `beside` in at most 22 letters, where it is longer
};

struct Diagnosis {
  std::string features;  // which, with their number
  int64_t samples = 0;   // generated ones
  int64_t reals = 0;     // beside so many; 0: none
  std::vector<Line> lines;
  double neighborhood_cpu_s = 0;  // processor time of precision, recall, density and coverage
  diagnostics::Evidence evidence;
  diagnostics::Verdict verdict;
  std::vector<double> kl_per_dimension;                     // of a posterior
  std::vector<diagnostics::Interval> kl_intervals = {};     // of each; empty: too few posteriors
  std::vector<double> class_coverage;                       // of labelled reals, [classes]
  std::vector<diagnostics::Interval> class_intervals = {};  // [classes]
  std::string evaluation;                                   // of a run: its record, JSON
  std::vector<int64_t> nearest_real;                        // [fakes]
  std::vector<double> nearest_square;                       // [fakes]
  std::vector<uint8_t> invented;                            // [fakes], 1: where no data is
  std::vector<int64_t> real_numbers = {};        // as DiagnosedSamples::indices of the reals
  std::optional<config::RunConfig> config = {};  // of the run that is diagnosed
};

// Throws kDataError for sets of different shapes or with too few samples for the neighbours asked
// for.
void check_sets(const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                const DiagnoseOptions& options);

// Collective. The sets as check_sets() wants them. `evidence`: what is known already, which is left
// as it is; the rest is measured, its modes being the reals' classes.
Diagnosis diagnose_samples(world::Communicator& control, const DiagnosedSamples& reals,
                           const DiagnosedSamples& fakes, const diagnostics::FeatureMap& features,
                           const DiagnoseOptions& options, diagnostics::Evidence evidence,
                           const config::Verdict& levels);

// Of the number of modes with a sample, `covered`: samples drawn anew with the shares they have.
diagnostics::Interval interval_of_modes_covered(double covered,
                                                const diagnostics::ModeHistogram& modes);

// Collective. Means and log variances [N, D] of a VAE's posteriors.
Diagnosis diagnose_posterior(world::Communicator& control, const DiagnosedSamples& means,
                             const DiagnosedSamples& log_variances, const DiagnoseOptions& options);

// The verdict as people read it, with what to try.
report::VerdictText verdict_words(const Diagnosis& diagnosis);

// The table of figures (figure_table.h) and the verdict, in lines of at most `columns` characters,
// 80 or more. `verbose`: figures with their descriptions, and the findings that follow from the one
// that decides.
std::string to_text(const Diagnosis& diagnosis, size_t columns = 80, bool verbose = false);

// diagnosis.json: every line by its name; state, kind, reason, witnesses; missing, starved, narrow,
// crowded (lists of names), parts, lost_mass, smallest_loss; of classes their histogram.
std::string to_json(const Diagnosis& diagnosis);

}  // namespace allmodes::diagnosis
