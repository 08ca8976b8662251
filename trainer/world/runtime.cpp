#include "world/runtime.h"

#include "base/error.h"
#include "world/deadline.h"
#include "world/mpi_communicator.h"
#include "world/start_watch.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <vector>

namespace allmodes::world {
namespace {

// Seconds for all ranks to leave MPI.
constexpr double kEndLimit = 60;

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0)
    ALLMODES_FAIL(ExitCode::kOsError, "gethostname failed; this machine has no usable name");
  return name.data();
}

// The count in a variable; 0 when it is not set or not a number.
long count_in(const Environment& environment, const char* variable) {
  const char* text = environment(variable);
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

// True when mpirun says so. MPI's locks are left out then.
bool is_on_one_node(const Environment& environment) {
  const long all = count_in(environment, "OMPI_COMM_WORLD_SIZE");
  return all > 0 && all == count_in(environment, "OMPI_COMM_WORLD_LOCAL_SIZE");
}

}  // namespace

bool launched_by_mpi(const Environment& environment) {
  constexpr std::array kSetByLaunchers{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
  return std::any_of(kSetByLaunchers.begin(), kSetByLaunchers.end(),
                     [&](const char* variable) { return environment(variable) != nullptr; });
}

std::optional<std::string> shared_memory_complaint(const std::string& folder, double bytes,
                                                   const Environment& environment) {
  constexpr double kMebibyte = 1 << 20;
  const long ranks = count_in(environment, "OMPI_COMM_WORLD_LOCAL_SIZE");
  const char* transports = environment("OMPI_MCA_btl");
  const std::string_view chosen = transports != nullptr ? transports : "vader";
  const bool named = chosen.find("vader") != std::string_view::npos;
  if (ranks < 2 || bytes < 0 || named == chosen.starts_with('^')) return std::nullopt;
  const long asked = count_in(environment, "OMPI_MCA_btl_vader_segment_size");
  const double segment = asked > 0 ? static_cast<double>(asked) : 4 * kMebibyte;
  if (bytes >= segment * static_cast<double>(ranks)) return std::nullopt;
  return fmt::format(
      "{} has room for {:.1f} MiB, and the {} ranks of this host need {:.1f} MiB each there to speak to one another: "
      "make it larger (`mount -o remount,size=1g {}`; in a container --shm-size=1g; in Kubernetes an emptyDir of "
      "medium Memory)",
      folder, bytes / kMebibyte, ranks, segment / kMebibyte, folder);
}

std::optional<std::string> singleton_complaint(const World& world, const Environment& environment) {
  if (world.size != 1) return std::nullopt;
  // mpirun's own count outranks an allocation's: `mpirun -np 1` in one of many tasks is deliberate.
  if (const long asked = count_in(environment, "OMPI_COMM_WORLD_SIZE"); asked > 0) {
    if (asked == 1) return std::nullopt;
    return fmt::format(
        "mpirun started {} processes, but this one finds an MPI world of one: mpirun and the MPI "
        "library of this program belong to different installations of Open MPI. Use the mpirun of "
        "the installation that `allmodes doctor` names",
        asked);
  }
  if (const long asked = count_in(environment, "PMI_SIZE"); asked > 1)
    return fmt::format(
        "a launcher started {} processes, but this one finds an MPI world of one: the launcher "
        "speaks another protocol than this program's Open MPI. Use Open MPI's mpirun, or srun "
        "--mpi=pmix",
        asked);
  // SLURM_NTASKS, SLURM_PROCID and more are also set in the shells of batch jobs and interactive
  // allocations, which are one process. Only a task that srun started has the number of a job step,
  // and a step counts its own tasks.
  if (environment("SLURM_STEP_ID") == nullptr) return std::nullopt;
  const bool counted = environment("SLURM_STEP_NUM_TASKS") != nullptr;
  const long tasks = count_in(environment, counted ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS");
  if (tasks > 1)
    return fmt::format(
        "Slurm was asked for {0} tasks, but this process finds an MPI world of one: {0} copies of "
        "\"rank 0 of 1\" would each train a model of their own. Start the ranks with srun "
        "--mpi=pmix or with mpirun; for a deliberate single process, use srun --ntasks=1",
        tasks);
  return std::nullopt;
}

void refuse_singletons(const World& world) {
  if (const auto complaint = singleton_complaint(world, ::getenv); complaint.has_value())
    throw Error(ExitCode::kUnavailable, *complaint);
}

namespace {

void refuse_small_shared_memory() {
  const char* const given = ::getenv("OMPI_MCA_btl_vader_backing_directory");
  const std::string folder = given != nullptr ? given : "/dev/shm";
  struct statvfs space {};
  const double bytes = ::statvfs(folder.c_str(), &space) == 0
                           ? static_cast<double>(space.f_blocks) * static_cast<double>(space.f_frsize)
                           : -1;
  if (const auto complaint = shared_memory_complaint(folder, bytes, ::getenv); complaint.has_value())
    throw Error(ExitCode::kUnavailable, *complaint);
}

}  // namespace

Runtime::Runtime() {
  world_.host = host_name();
  if (!launched_by_mpi(::getenv)) {
    control_ = make_self_communicator();
    control_->record_into(&flight_log_);
    return;
  }
  StartWatch start(::getenv, world_.host, StartStage::launched);
  refuse_small_shared_memory();
  // Autograd calls collectives from threads of its own on a GPU, one at a time.
  int provided = MPI_THREAD_SINGLE;
  const int wanted = is_on_one_node(::getenv) ? MPI_THREAD_SERIALIZED : MPI_THREAD_MULTIPLE;
  check_mpi(MPI_Init_thread(nullptr, nullptr, wanted, &provided), "MPI_Init_thread", -1);
  owns_mpi_ = true;
  start.reached(StartStage::in_mpi);
  concurrent_mpi_ = provided >= MPI_THREAD_MULTIPLE;
  if (provided < MPI_THREAD_SERIALIZED)
    ALLMODES_FAIL(ExitCode::kUnavailable,
                  "this MPI library allows calls from the main thread only (level {} of {}); use "
                  "an Open MPI built with thread support",
                  provided, static_cast<int>(MPI_THREAD_SERIALIZED));
  control_ = MpiCommunicator::duplicate(MPI_COMM_WORLD);
  control_->record_into(&flight_log_);
  find_place();
}

void Runtime::find_place() {
  world_.rank = control_->rank();
  world_.size = control_->size();
  MPI_Comm local = MPI_COMM_NULL;
  check_mpi(
      MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_.rank, MPI_INFO_NULL, &local),
      "MPI_Comm_split_type", world_.rank);
  check_mpi(MPI_Comm_rank(local, &world_.local_rank), "MPI_Comm_rank", world_.rank);
  check_mpi(MPI_Comm_size(local, &world_.local_size), "MPI_Comm_size", world_.rank);
  int leader = world_.rank;
  check_mpi(MPI_Bcast(&leader, 1, MPI_INT, 0, local), "MPI_Bcast", world_.rank);
  check_mpi(MPI_Comm_free(&local), "MPI_Comm_free", world_.rank);

  std::vector<int> leaders(static_cast<size_t>(world_.size));
  check_mpi(MPI_Allgather(&leader, 1, MPI_INT, leaders.data(), 1, MPI_INT, MPI_COMM_WORLD),
            "MPI_Allgather", world_.rank);
  std::sort(leaders.begin(), leaders.end());
  leaders.erase(std::unique(leaders.begin(), leaders.end()), leaders.end());
  world_.nodes = static_cast<int>(leaders.size());
  world_.node = static_cast<int>(
      std::distance(leaders.begin(), std::lower_bound(leaders.begin(), leaders.end(), leader)));
}

Runtime::~Runtime() {
  if (!owns_mpi_ || std::uncaught_exceptions() > 0) return;
  // All results are written by now; what is left is that every rank comes to the end.
  const Deadline end(world_.size > 1 ? kEndLimit : 0, ExitCode::kLostRank, [this] {
    return fmt::format(
        "allmodes: error [rank {} of {} on {}]: this rank is done, but not all others have come to "
        "the end of the job in {:.0f} s: one is frozen, or its host is cut off\n",
        world_.rank, world_.size, world_.host, kEndLimit);
  });
  control_.reset();
  MPI_Finalize();
}

void Runtime::abort(int code) noexcept {
  std::cout.flush();
  std::fflush(nullptr);
  if (owns_mpi_) MPI_Abort(MPI_COMM_WORLD, code);
  ::_exit(code);
}

}  // namespace allmodes::world
