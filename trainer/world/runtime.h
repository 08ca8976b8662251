#pragma once

// Who am I: the process's place among the processes of the job, and MPI's lifetime.

#include "world/communicator.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace allmodes::world {

struct World {
  int rank = 0;        // in [0, size)
  int size = 1;        // processes of the job
  int local_rank = 0;  // among the processes that share this node's memory
  int local_size = 1;
  int node = 0;  // nodes are numbered by their lowest rank
  int nodes = 1;
  std::string host = {};
};

// Looks up an environment variable: nullptr when it is not set. Usually ::getenv.
using Environment = std::function<const char*(const char*)>;

// True when a launcher (mpirun, srun --mpi=pmix or pmi2) started this process as an MPI rank.
bool launched_by_mpi(const Environment& environment);

// A complaint where Open MPI's ranks of one host will find no room for what they speak to one another through: a
// segment each, in a folder of `bytes` in all (below 0: unknown). Such an MPI_Init ends the process with pages that
// do not name the reason.
std::optional<std::string> shared_memory_complaint(const std::string& folder, double bytes,
                                                   const Environment& environment);

// What is wrong if the world has one process though a launcher was asked for several; nullopt if
// nothing is. Such a job would train N unrelated models, each as "rank 0 of 1".
std::optional<std::string> singleton_complaint(const World& world, const Environment& environment);

// Throws kUnavailable with that complaint about this process.
void refuse_singletons(const World& world);

// MPI from construction to destruction, when a launcher started the process; alone it makes no MPI
// call at all. One object a process, on the main thread, declared outside of main()'s try block:
// while an exception unwinds, the destructor does not finalize, since that would wait for ranks
// that may never come; call abort() instead. Other communicators have to be gone before it.
class Runtime {
 public:
  // Throws kProtocol when MPI does not start, kUnavailable when its library cannot be called from
  // other threads than the main one (MPI_THREAD_SERIALIZED).
  Runtime();
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  World world() const { return world_; }
  // All ranks, in host memory; for configuration, agreement and figures.
  Communicator& control() { return *control_; }
  // The collectives of this process; those of control() and what is split from it are recorded.
  FlightLog& flight_log() { return flight_log_; }
  // Whether several threads may call MPI at the same time; so on several nodes, where the watchdog
  // has to speak while another thread waits. false: MPI calls come from one thread at a time.
  bool concurrent_mpi() const { return concurrent_mpi_; }
  // Ends every process of the job with `code`, without destructors; output is flushed.
  [[noreturn]] void abort(int code) noexcept;

 private:
  void find_place();

  bool owns_mpi_ = false;
  bool concurrent_mpi_ = false;
  World world_;
  FlightLog flight_log_;
  std::unique_ptr<Communicator> control_;
};

}  // namespace allmodes::world
