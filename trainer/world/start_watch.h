#pragma once

// Finds ranks that are late, missing or frozen before MPI and the watchdog can tell.

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "world/deadline.h"
#include "world/runtime.h"

namespace allmodes::world {

// How far a rank has come.
enum class StartStage { launched, in_mpi, joined };

// What a rank of this host has left for the others of its host to read.
struct StartNote {
  int rank = 0;
  int local_rank = 0;
  int64_t pid = 0;
  StartStage stage = StartStage::launched;
};

// The rank that whichever launcher has given this process, known before MPI begins; -1 where none
// has.
int launched_rank(const Environment& environment);

// "120" of ALLMODES_START_LIMIT_S: seconds, 0 for no limit; 120 where it is not set. Throws
// kConfiguration for what is no such number.
double start_limit(const Environment& environment);

// The notes as the report of a rank whose start did not end in time: which ranks of this host are
// missing, frozen (stopped) or gone, which have come how far, and what may be wrong where it is
// none of them. `state_of`: the letter of a process's state in /proc/PID/stat, nullopt where it is
// gone. `bridges`: of this host, see bridge_addresses().
std::string start_report(const std::vector<StartNote>& notes, const Environment& environment,
                         const std::string& host, double seconds,
                         const std::function<std::optional<char>(int64_t pid)>& state_of,
                         const std::vector<std::string>& bridges);

// "docker0 (172.17.0.1)": networks within this host, whose addresses are often the same on every
// host; MPI then takes another host for this one's neighbour and waits for it without end.
std::vector<std::string> bridge_addresses();

// From its construction to its destruction a rank has to start, together with all the others:
// MPI_Init waits for a rank that never comes without end and without a word. Beyond the limit the
// ranks that are there end themselves with kLostRank, and the first on each host says what it
// knows. Notes lie in the folder that the launcher keeps for the job on each host
// (PMIX_SERVER_TMPDIR) and removes with it; where there is none, only the own rank is known.
class StartWatch {
 public:
  // `stage`: with which it begins. Does nothing where no launcher started this process, or one
  // rank.
  StartWatch(const Environment& environment, const std::string& host, StartStage stage);
  ~StartWatch();
  StartWatch(const StartWatch&) = delete;
  StartWatch& operator=(const StartWatch&) = delete;

  void reached(StartStage stage);

 private:
  StartNote note() const;
  std::string explain() const;

  Environment environment_;
  std::string host_;
  double seconds_ = 0;
  StartNote mine_;
  std::atomic<StartStage> stage_{StartStage::launched};
  std::filesystem::path folder_;      // empty: none
  std::optional<Deadline> deadline_;  // last: its thread uses the above
};

}  // namespace allmodes::world
