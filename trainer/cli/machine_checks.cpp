#include "cli/machine_checks.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <thread>

#include "base/cache_folder.h"
#include "base/cpu_quota.h"
#include "base/error.h"

namespace allmodes::cli {
namespace {

constexpr double kGibibyte = 1 << 30;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

struct CommandOutcome {
  int status = 0;    // of the shell: 0 good, 124 too long, 127 not found
  std::string said;  // both streams
};

CommandOutcome ask(const std::string& command) {
  FILE* pipe = ::popen(("( " + command + " ) 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return {.status = 127, .said = ""};
  CommandOutcome outcome;
  char buffer[512];
  for (std::size_t count; (count = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    outcome.said.append(buffer, count);
  const int ended = ::pclose(pipe);
  outcome.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128;
  return outcome;
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '-')) text.pop_back();
  const auto end = text.rfind('\n');
  return end == std::string::npos ? text : text.substr(end + 1);
}

bool on_path(const std::string& program) {
  return ask("command -v " + program).status == 0;
}

// The memory that the cgroup allows, in bytes; nothing for "max" or where there is no such file.
std::optional<double> memory_limit() {
  std::ifstream stream("/sys/fs/cgroup/memory.max");
  std::string text;
  stream >> text;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') return std::nullopt;
  return value;
}

Finding check_cores() {
  const auto visible = std::max(1U, std::thread::hardware_concurrency());
  auto value = fmt::format("{} visible", visible);
  double allowed = visible;
  if (const auto quota = cpu_quota(); quota && quota->processors < visible) {
    allowed = quota->processors;
    value += fmt::format(", {:.1f} allowed by the cgroup", allowed);
  }
  const auto threads = environment("OMP_NUM_THREADS");
  if (!threads.empty()) value += ", OMP_NUM_THREADS=" + threads;
  if (std::atof(threads.c_str()) > allowed + 0.5)
    return {Mark::kWarning, "CPU cores", value,
            fmt::format("threads that share a core wait for each other: export OMP_NUM_THREADS={}",
                        std::max(1, static_cast<int>(allowed)))};
  return {Mark::kGood, "CPU cores", value};
}

Finding check_memory() {
  const double all = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<double>(::sysconf(_SC_PAGESIZE)) / kGibibyte;
  const auto limit = memory_limit();
  auto value = fmt::format("{:.0f} GiB", all);
  double allowed = all;
  if (limit && *limit / kGibibyte < all) {
    allowed = *limit / kGibibyte;
    value += fmt::format(", {:.1f} GiB allowed by the cgroup", allowed);
  }
  if (allowed < 2)
    return {Mark::kWarning, "memory", value,
            "a rank takes about 0.3 GiB before its model: few ranks, a smaller batch"};
  return {Mark::kGood, "memory", value};
}

std::optional<double> free_gibibytes(const std::filesystem::path& folder) {
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0) return std::nullopt;
  return static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize) / kGibibyte;
}

Finding check_shared_memory() {
  const auto space = free_gibibytes("/dev/shm");
  if (!space)
    return {Mark::kWarning, "/dev/shm", "not there",
            "mount a tmpfs there: ranks of a node share it"};
  auto value = fmt::format("{:.2f} GiB free", *space);
  if (*space < 0.25)
    return {Mark::kWarning, "/dev/shm", value,
            "too little for gradients of larger models: in a container raise --shm-size, or remove "
            "what "
            "killed jobs left (launch/run.sh does)"};
  return {Mark::kGood, "/dev/shm", value};
}

// Whether something can be written in the folder, or in the nearest that exists above it.
Finding check_folder(const std::string& what, const std::filesystem::path& folder,
                     const std::string& other) {
  std::error_code error;
  auto there = std::filesystem::absolute(folder, error);
  while (!std::filesystem::is_directory(there, error) && there.has_relative_path())
    there = there.parent_path();
  // Tried, not asked for: the superuser may write everywhere but where nothing can be written.
  std::string probe = (there / ".allmodes-XXXXXX").string();
  const bool writable = ::mkdtemp(probe.data()) != nullptr;
  if (writable) ::rmdir(probe.c_str());
  if (!writable) return {Mark::kMissing, what, folder.string() + ": not writable", other};
  const auto space = free_gibibytes(there);
  if (!space) return {Mark::kMissing, what, folder.string() + ": its disk does not answer", other};
  const auto value = fmt::format("{}, {:.1f} GiB free", folder.string(), *space);
  if (*space < 1)
    return {Mark::kWarning, what, value, "make room: a checkpoint is four times a model's weights"};
  return {Mark::kGood, what, value};
}

Finding check_cache() {
  const std::string remedy = "export ALLMODES_CACHE=FOLDER, one that you can write";
  const auto kept = cache_folder("classifiers");
  if (!kept)
    return {Mark::kWarning, "cache",
            "none: neither ALLMODES_CACHE nor XDG_CACHE_HOME nor HOME is set", remedy};
  return check_folder("cache", kept->parent_path(), remedy);
}

Finding check_mpirun() {
  if (!on_path("mpirun"))
    return {Mark::kWarning, "mpirun", "not found",
            "one process works; for ranks: apt-get install openmpi-bin"};
  const auto outcome =
      ask("OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 20 mpirun -np 2 "
          "--oversubscribe --bind-to none --mca oob_tcp_if_include lo --mca btl_tcp_if_include lo "
          "true");
  if (outcome.status == 0) return {Mark::kGood, "mpirun", "starts two processes"};
  return {Mark::kWarning, "mpirun",
          outcome.status == 124 ? "does not start two processes within 20 s"
                                : "does not start two processes: " + last_line(outcome.said),
          "try by hand: mpirun -np 2 hostname"};
}

Finding check_slurm() {
  if (!on_path("srun"))
    return {Mark::kNote, "Slurm", "no srun here (needed on Slurm clusters only)"};
  if (ask("timeout 10 scontrol ping").said.find("is UP") == std::string::npos)
    return {Mark::kNote, "Slurm", "srun is here, but no controller answers"};
  const auto offered = ask("timeout 10 srun --mpi=list").said;
  if (offered.find("pmix") == std::string::npos)
    return {
        Mark::kWarning, "Slurm", "its srun has no PMIx",
        "start ranks with mpirun: ALLMODES_LAUNCHER=mpirun sbatch launch/slurm/train.sbatch ..."};
  return {Mark::kGood, "Slurm", "a controller answers, srun has PMIx"};
}

// Bridges of container runtimes and hypervisors have the same address on every host; MPI may choose
// them.
Finding check_networks() {
  ifaddrs* all = nullptr;
  std::set<std::string> real, bridges;
  if (::getifaddrs(&all) == 0) {
    for (const auto* one = all; one != nullptr; one = one->ifa_next) {
      const std::string name = one->ifa_name;
      if ((one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
      const bool bridge = name.starts_with("docker") || name.starts_with("virbr") ||
                          name.starts_with("br-") || name.starts_with("cni") ||
                          name.starts_with("podman");
      (bridge ? bridges : real).insert(name);
    }
    ::freeifaddrs(all);
  }
  const auto chosen = environment("ALLMODES_NETWORK");
  const auto value =
      fmt::format("{}{}", fmt::join(real, ", "),
                  bridges.empty() ? "" : fmt::format(", bridges {}", fmt::join(bridges, ", ")));
  if (!chosen.empty()) return {Mark::kGood, "network", value + ", ALLMODES_NETWORK=" + chosen};
  if (real.empty() && bridges.empty())
    return {Mark::kNote, "network", "none but loopback: one host"};
  if (bridges.empty() && real.size() == 1) return {Mark::kGood, "network", value};
  return {Mark::kNote, "network", value,
          "with several hosts say which one they share: export ALLMODES_NETWORK=" +
              (real.empty() ? "10.0.0.0/24" : *real.begin())};
}

}  // namespace

std::vector<Finding> check_host() {
  return {check_cores(), check_memory(), check_shared_memory(), check_cache(),
          check_folder("runs", "runs", "train with --out FOLDER, one that you can write")};
}

std::vector<Finding> check_launchers() {
  return {check_mpirun(), check_slurm(), check_networks()};
}

std::string describe(const Finding& finding) {
  constexpr const char* kMarks[] = {"ok", "-", "!", "x"};
  auto text = fmt::format("{:>3}  {:<14}{}\n", kMarks[static_cast<int>(finding.mark)], finding.what,
                          finding.value);
  if (!finding.remedy.empty()) text += fmt::format("     {:<14}-> {}\n", "", finding.remedy);
  return text;
}

int exit_code(const std::vector<Finding>& findings) {
  const bool missing = std::ranges::any_of(
      findings, [](const auto& finding) { return finding.mark == Mark::kMissing; });
  return static_cast<int>(missing ? ExitCode::kUnavailable : ExitCode::kOk);
}

}  // namespace allmodes::cli
