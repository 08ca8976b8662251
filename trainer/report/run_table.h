#pragma once

// Runs as text: what is there, how one is doing, what differs between several.

#include <filesystem>
#include <string>
#include <vector>

#include "report/run_view.h"

namespace allmodes::report {

// What a look at a run's small files shows.
struct Glance {
  std::string name = {};
  // As records::Status has it; "silent" when it says that the run moves and is over two minutes
  // old;
  // "" when not known.
  std::string stage = {};
  uint64_t step = 0;
  uint64_t steps = 0;  // 0: not known
  std::string state = {};
  std::string kind = {};
  double age_s = 0;  // since the run last wrote its status or its records; negative: not known
};
Glance glance_at(const std::filesystem::path& run);

// The folder itself when it is a run's, else the runs in it, newest number first. Throws kNoInput
// when there is no such folder.
std::vector<std::filesystem::path> runs_in(const std::filesystem::path& folder);

// One line a run: name, step, stage, age, verdict.
std::string runs_table(const std::vector<Glance>& runs);

// A curve as a row of `width` characters of eight heights; "" for no points.
std::string sparkline(const Curve& curve, size_t width);

// A run in about 20 lines of at most `columns` characters: where it is, its verdict, curves as
// text.
std::string run_in_text(const RunView& view, size_t columns);

// Rows of cells, the first one with the runs' names: fields of the configuration that differ, the
// verdicts, and the figures of the last evaluation beside each other, each with the median that
// real samples have where that was measured ("0.471, of 0.988"). The first cell says what a row is
// of.
std::vector<std::vector<std::string>> comparison_rows(const std::vector<RunView>& runs);

// The same as text.
std::string comparison_of(const std::vector<RunView>& runs);

}  // namespace allmodes::report
