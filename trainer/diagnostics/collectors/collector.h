#pragma once

// Collectors: each measures one thing at an evaluation, the same on every rank count, and adds its
// fields to the record and its evidence for the verdict. A collector is a class in a file of its
// own and a line in make_collectors().

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "diagnostics/collectors/evaluation.h"
#include "diagnostics/features/classifier.h"
#include "diagnostics/verdict/verdict.h"
#include "records/record.h"

namespace allmodes::diagnostics {

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

// A collector under the name by which the time it takes is recorded.
struct NamedCollector {
  std::string name;
  std::unique_ptr<Collector> collector;
};
std::vector<NamedCollector> make_collectors(const CollectorSetup& setup);

// Lets each of them measure and adds, under "evaluation_s_NAME", the seconds that it took.
void collect_all(const std::vector<NamedCollector>& collectors, const Evaluation& evaluation,
                 const std::vector<GeneratedChunk>& generated, records::Record& record,
                 Evidence& evidence);

// Of a run, with the held-out part of its data; `setup` and what it refers to outlive it.
ClassifierSetup classifier_setup(const CollectorSetup& setup);

std::unique_ptr<Collector> make_mixture_collector(const data::Dataset& dataset);
std::unique_ptr<Collector> make_diversity_collector(const config::RunConfig& config);
std::unique_ptr<Collector> make_latent_collector();
std::unique_ptr<Collector> make_aggregate_collector(const CollectorSetup& setup);
std::unique_ptr<Collector> make_reconstruction_collector(const CollectorSetup& setup);
std::unique_ptr<Collector> make_fit_collector(const CollectorSetup& setup);
std::unique_ptr<Collector> make_copies_collector();
std::unique_ptr<Collector> make_class_collector(std::shared_ptr<ModeFinder> finder);
// Of each class of a class-conditional family. `finder` may be null.
std::unique_ptr<Collector> make_conditional_collector(std::shared_ptr<ModeFinder> finder);
// Samples beside real ones in a feature space, calibrated (comparison.h). `finder` may be null.
std::unique_ptr<Collector> make_comparison_collector(const CollectorSetup& setup,
                                                     std::shared_ptr<ModeFinder> finder);
// Precision, recall, density, coverage, Frechet and kernel distance (diagnostics.sample_metrics).
std::unique_ptr<Collector> make_sample_metrics_collector(const CollectorSetup& setup);

// Fields of a mode histogram in a record.
void record_histogram(const ModeHistogram& histogram, const config::Verdict& levels,
                      records::Record& record);

}  // namespace allmodes::diagnostics
