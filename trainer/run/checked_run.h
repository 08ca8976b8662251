#pragma once

// A configuration with everything that can be made from it before any work: the data set and the
// family's networks. All that is refused is reported at once, each with its place.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/load.h"
#include "data/dataset.h"
#include "objectives/objective.h"

namespace allmodes::run {

struct CheckedRun {
  config::Loaded loaded;  // problems: of syntax, types, ranges, names, data and shapes
  std::unique_ptr<data::Dataset> dataset;  // null where the data's facts were enough
  objectives::DataFacts facts;             // of the data; once there is an objective
  // What else of the data a model keeps, so that it can be used without them; likewise.
  std::vector<int64_t> existing_classes;   // labels that have samples
  std::vector<int64_t> sample_dimensions;  // as their file has them
  std::vector<float> column_means;         // of a table: numbers are (number - mean) / deviation
  std::vector<float> column_deviations;
  std::unique_ptr<objectives::Objective> objective;
  // Why the data could not be had: kNoInput (missing), kDataError (damaged), kConfiguration.
  std::optional<ExitCode> data_failure;

  const config::RunConfig& config() const { return loaded.config; }
  bool good() const { return loaded.problems.empty(); }
  // kOk when good; the data's failure when nothing else is wrong; else kConfiguration.
  ExitCode exit_code() const;
};

// Builds all that belongs to a configuration that was read: reads the whole data set.
CheckedRun check_run(config::Loaded loaded);
CheckedRun check_run(const std::string& file, const std::vector<std::string>& overrides);
// The same from the text of a checkpoint's configuration.
CheckedRun check_text(const std::string& text, const std::string& name);
// The same for data of which `facts` are known; the data are not read, unless they are computed.
CheckedRun check_text(const std::string& text, const std::string& name,
                      const objectives::DataFacts& facts);

// One line a problem: "file:line:column: message".
std::string problems_text(const config::Loaded& loaded);

// The dataset of a checkpoint is the dataset of now: its fingerprint as 16 hexadecimal digits.
std::string hexadecimal(uint64_t fingerprint);

}  // namespace allmodes::run
