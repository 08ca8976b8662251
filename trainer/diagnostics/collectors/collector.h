#pragma once

// Collectors: each measures one thing at an evaluation, the same on every rank count, and adds its
// fields to the record and its evidence for the verdict. A collector is a class in a file of its
// own, which ends with its row.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "diagnostics/collectors/evaluation.h"
#include "diagnostics/features/classifier.h"
#include "diagnostics/verdict/verdict.h"
#include "records/figure.h"
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

// A collector, and what its figures mean: a row `extern const CollectorRow kNAME{...}` at the end
// of its file; the build finds the rows (docs/extending.md).
struct CollectorRow {
  std::string_view name;  // by which the time it takes is recorded
  // Null where there is nothing for it to measure in this run. `finder` may be null. Collective.
  std::unique_ptr<Collector> (*make)(const CollectorSetup& setup,
                                     const std::shared_ptr<ModeFinder>& finder);
  std::span<const records::Figure> figures;  // each field that it sets
};

// All rows, by cmake/Rooms.cmake, in the order of their constants' names.
std::span<const CollectorRow* const> collector_rows();

// Those that have something to measure.
struct NamedCollector {
  std::string name;
  std::unique_ptr<Collector> collector;
};
std::vector<NamedCollector> make_collectors(const CollectorSetup& setup);

// What evaluations and the look at the data record.
records::FigureTables figure_tables();

// Lets each of them measure and adds, under "evaluation_s_NAME", the seconds that it took.
void collect_all(const std::vector<NamedCollector>& collectors, const Evaluation& evaluation,
                 const std::vector<GeneratedChunk>& generated, records::Record& record,
                 Evidence& evidence);

// Of a run, with the held-out part of its data; `setup` and what it refers to outlive it.
ClassifierSetup classifier_setup(const CollectorSetup& setup);

// Fields of a mode histogram in a record.
void record_histogram(const ModeHistogram& histogram, const config::Verdict& levels,
                      records::Record& record);

}  // namespace allmodes::diagnostics
