#pragma once

// A run as its folder shows it, for pages and tables. Reads only, also while the run is written.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "records/record.h"
#include "records/status_file.h"
#include "report/verdict_text.h"

namespace allmodes::report {

// A figure over the steps: {step, value}, finite values only, by rising step.
using Curve = std::vector<std::pair<double, double>>;

struct ModeShare {
  std::string name;
  double expected = 0;  // samples
  double observed = 0;
  bool missing = false;   // as the verdict says
  std::string note = {};  // what the verdict counted of it, where that is not what was observed
};

struct VerdictAt {
  uint64_t step = 0;
  std::string state;  // "healthy", "at_risk" or "collapsed"
  std::string kind;
  std::string reason;
  std::optional<double> modes_missing{};  // where the run counts modes
  bool after_rollback = false;            // the run went back between the one before and this
};

struct Picture {
  std::string name;  // "fakes", "modes"
  uint64_t step = 0;
  std::filesystem::path path;
};

struct RunView {
  std::filesystem::path folder;
  std::string name;           // the folder's
  std::string configuration;  // text-proto; "" when it cannot be read
  std::string environment{};  // versions, ranks and hosts of the last start, as log.txt has them
  std::optional<records::Status> status{};
  std::vector<records::Record> train{};        // by rising step, possibly thinned out
  std::vector<records::Record> evaluations{};  // all
  std::vector<records::Record> rollbacks{};
  std::vector<VerdictAt> verdicts{};
  std::vector<ModeShare> modes{};   // of the last evaluation, where the run counts modes
  std::vector<std::string> help{};  // what to try, as verdict.json says: "CHANGE  # WORDS"
  std::vector<Finding> findings{};  // of the last verdict
  int64_t bad_lines = 0;            // of records.jsonl
};

// Adds a record to what it belongs to. Of more than 4,000 train records every second one is
// dropped.
void add_record(RunView& view, const records::Record& record);

// Reads configuration, status and verdict.json again; what cannot be read is left out.
void refresh(RunView& view);

// Everything, from the run's folder. Throws kNoInput when it is none, kInputOutput.
RunView read_run(const std::filesystem::path& folder);

// The run's pictures called `name`, by rising step.
std::vector<Picture> pictures_of(const RunView& view, const std::string& name);

// The figure `name` of these records.
Curve curve_of(const std::vector<records::Record>& of, const std::string& name);

// How many modes each verdict calls missing.
Curve curve_of_modes_missing(const RunView& view);

// Since which step the last state holds without interruption; nothing before any verdict.
std::optional<uint64_t> since(const RunView& view);

// The last verdict, as the folder's files have it; without a state where there is none.
VerdictText verdict_words(const RunView& view);

// "collapsed, mode_dropping" in words for people: "collapsed: mode dropping".
std::string state_in_words(const std::string& state, const std::string& kind);

}  // namespace allmodes::report
