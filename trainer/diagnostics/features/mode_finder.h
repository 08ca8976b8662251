#pragma once

// Which mode of the data a sample is taken for: the nearest component of a mixture, or the class
// that the classifier sees. One for all collectors of a run, so that samples are classified once.

#include <memory>
#include <string>
#include <vector>

#include "diagnostics/features/classifier.h"

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
};

// Null where modes are not known. `classify`: of labelled images a classifier may tell them; making
// one may train it: collective. `setup.dataset` outlives the finder.
std::shared_ptr<ModeFinder> make_mode_finder(const ClassifierSetup& setup, bool classify);

}  // namespace allmodes::diagnostics
