#pragma once

// What `allmodes doctor` looks at: each finding with a mark and, where something is to be done, a
// remedy.

#include <string>
#include <vector>

namespace allmodes::cli {

enum class Mark {
  kGood,
  kNote,     // nothing is wrong: a fact, or something that only some need
  kWarning,  // training works, but slower or not everywhere
  kMissing,  // training cannot begin
};

struct Finding {
  Mark mark;
  std::string what;   // a word or two
  std::string value;  // what was found, one line
  std::string remedy = {};
};

// This host's limits and folders: cores and memory allowed by the cgroup, threads asked for, shared
// memory, the cache's folder and the working folder with their free space.
std::vector<Finding> check_host();

// The launchers: whether mpirun starts two processes within 20 s, whether a Slurm controller
// answers and its srun has PMIx, networks that several hosts share in name only.
std::vector<Finding> check_launchers();

// One line a finding with the remedy below it: "  ok  what     value".
std::string describe(const Finding& finding);

// 0, or the code of something missing when a finding is kMissing.
int exit_code(const std::vector<Finding>& findings);

}  // namespace allmodes::cli
