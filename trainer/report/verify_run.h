#pragma once

// Whether what a run has left is whole.

#include <filesystem>
#include <string>
#include <vector>

namespace allmodes::report {

// One thing that was looked at.
struct Checked {
  std::string what;  // its path within the run folder, of a line "records.jsonl:17"
  bool good = true;
  std::string text;  // what is in it, or what is wrong with it and what can be done
};

// Reads every byte of every checkpoint (sizes and hashes, naming damaged tensors), every line of
// every file of records (also for records that stand twice and steps that go backwards), and
// verdict.json. What a killed run may leave, temporary files and half a last line, is said and is
// no damage. Throws kNoInput when there is no such folder or it is no run's, kInputOutput when it
// cannot be read.
std::vector<Checked> verify_run(const std::filesystem::path& run);

}  // namespace allmodes::report
