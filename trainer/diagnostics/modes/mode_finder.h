#pragma once

// Which mode of the data a sample is taken for: the nearest component of a mixture, or the class
// that the classifier sees. One for all collectors of a run, so that samples are classified once.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "diagnostics/collectors/collector.h"

namespace allmodes::diagnostics {

class ModeFinder {
 public:
  virtual ~ModeFinder() = default;
  virtual std::vector<std::string> names() const = 0;
  // Of the data, by the same eye; sum 1.
  virtual std::vector<double> shares() const = 0;
  virtual std::string noun() const = 0;  // of modes: "modes", "classes"
  // The mode of each sample [n, sample shape...]; -1 for one that belongs to none.
  virtual std::vector<int64_t> find(const at::Tensor& samples) const = 0;

  // Share of held-out samples that are taken rightly; 1 where the modes are known exactly.
  virtual double accuracy() const { return 1; }

  // The same of an evaluation's chunk, found once: kept until the next evaluation asks.
  const std::vector<int64_t>& of_chunk(const Evaluation& evaluation, const GeneratedChunk& chunk);

 private:
  const void* forward_ = nullptr;  // of the evaluation that the chunks are of
  uint64_t step_ = 0;
  std::map<int64_t, std::vector<int64_t>> chunks_;
};

// Null where modes are not known. Making one may train a classifier: collective.
std::shared_ptr<ModeFinder> make_mode_finder(const CollectorSetup& setup);

std::unique_ptr<Collector> make_class_collector(std::shared_ptr<ModeFinder> finder);

// Of each class of a class-conditional family. `finder` may be null.
std::unique_ptr<Collector> make_conditional_collector(std::shared_ptr<ModeFinder> finder);

// Samples beside real ones in a feature space, calibrated (comparison.h). `finder` may be null.
std::unique_ptr<Collector> make_comparison_collector(const CollectorSetup& setup,
                                                     std::shared_ptr<ModeFinder> finder);

}  // namespace allmodes::diagnostics
