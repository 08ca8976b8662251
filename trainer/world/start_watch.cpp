#include "world/start_watch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <system_error>

namespace allmodes::world {
namespace {

namespace fs = std::filesystem;

constexpr double kDefaultLimit = 120;
constexpr const char* kNotePrefix = "allmodes-start-";

int number_in(const Environment& environment, const char* variable, int otherwise) {
  const char* text = environment(variable);
  if (text == nullptr) return otherwise;
  int value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  return error == std::errc() && *end == '\0' ? value : otherwise;
}

int size_in(const Environment& environment) {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE"})
    if (const int size = number_in(environment, variable, 0); size > 0) return size;
  return 0;
}

int local_rank_in(const Environment& environment) {
  for (const char* variable : {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"})
    if (const int rank = number_in(environment, variable, -1); rank >= 0) return rank;
  return 0;
}

std::optional<StartNote> read_note(const fs::path& file) {
  std::ifstream stream(file);
  StartNote note;
  int stage = 0;
  if (!(stream >> note.rank >> note.local_rank >> note.pid >> stage)) return std::nullopt;
  note.stage = static_cast<StartStage>(std::clamp(stage, 0, 2));
  return note;
}

// Of the ranks of this host, by local rank.
std::vector<StartNote> read_notes(const fs::path& folder) {
  std::vector<StartNote> notes;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure))
    if (entry.path().filename().string().starts_with(kNotePrefix) && !entry.path().has_extension())
      if (const auto note = read_note(entry.path())) notes.push_back(*note);
  std::ranges::sort(notes, {}, &StartNote::local_rank);
  return notes;
}

std::optional<char> state_of_process(int64_t pid) {
  std::ifstream stream(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(stream, text)) return std::nullopt;
  // "PID (NAME) STATE ...", and the name may hold anything.
  const auto end = text.rfind(") ");
  if (end == std::string::npos || end + 2 >= text.size()) return std::nullopt;
  return text[end + 2];
}

bool is_stopped(std::optional<char> state) {
  return state == 'T' || state == 't';
}

bool is_gone(std::optional<char> state) {
  return !state || *state == 'Z' || *state == 'X';
}

const char* words_for(StartStage stage) {
  switch (stage) {
    case StartStage::launched:
      return "has started, and waits in MPI_Init";
    case StartStage::in_mpi:
      return "has passed MPI_Init, and waits for messages of others";
    case StartStage::joined:
      return "has met all others, and waits for their watchdogs";
  }
  return "?";
}

}  // namespace

int launched_rank(const Environment& environment) {
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const int rank = number_in(environment, variable, -1); rank >= 0) return rank;
  return -1;
}

double start_limit(const Environment& environment) {
  const char* text = environment("ALLMODES_START_LIMIT_S");
  if (text == nullptr || *text == '\0') return kDefaultLimit;
  double seconds = 0;
  const char* const last = text + std::strlen(text);
  const auto [end, error] = std::from_chars(text, last, seconds);
  if (error != std::errc() || end != last || !(seconds >= 0 && seconds < 1e9))
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "ALLMODES_START_LIMIT_S is '{}'; it is the number of seconds in which all ranks "
                  "have to start, 0 for no limit",
                  text);
  return seconds;
}

std::string start_report(const std::vector<StartNote>& notes, const Environment& environment,
                         const std::string& host, double seconds,
                         const std::function<std::optional<char>(int64_t pid)>& state_of,
                         const std::vector<std::string>& bridges) {
  const int size = size_in(environment);
  const int own = launched_rank(environment);
  const int local_size = number_in(environment, "OMPI_COMM_WORLD_LOCAL_SIZE", 0);
  const bool one_host = local_size > 0 && local_size == size;
  std::string text = fmt::format(
      "allmodes: error [rank {} of {} on {}]: the ranks have not all started within {:.0f} s "
      "(ALLMODES_START_LIMIT_S):",
      own, size, host, seconds);
  bool found = false;
  const auto missing = [&](const std::string& who, const std::string& why) {
    text += fmt::format("\n  missing: {} on {}: {}", who, host, why);
    found = true;
  };
  for (int local = 0; local < local_size; ++local) {
    const auto note = std::ranges::find(notes, local, &StartNote::local_rank);
    if (note == notes.end()) {
      missing(one_host ? fmt::format("rank {}", local)
                       : fmt::format("the rank of number {} of this host's {}", local, local_size),
              "its process has not come to the program's first line: it is frozen, or its program "
              "could not be read yet");
    } else if (const auto state = state_of(note->pid); is_stopped(state)) {
      missing(fmt::format("rank {}", note->rank),
              fmt::format("frozen (pid {} is stopped)", note->pid));
    } else if (is_gone(state)) {
      missing(fmt::format("rank {}", note->rank),
              fmt::format("gone (pid {} has ended)", note->pid));
    }
  }
  for (const StartNote& note : notes)
    if (const auto state = state_of(note.pid); !is_stopped(state) && !is_gone(state))
      text += fmt::format("\n  rank {} on {} (pid {}): {}", note.rank, host, note.pid,
                          words_for(note.stage));
  if (found || one_host) return text + "\n";
  text += fmt::format(
      "\n  All {} of this host are there; the other {} are on other hosts, whose lines say who is "
      "missing there: a host without such a line is down, or its ranks did not start at all. If "
      "every host has one, they do not reach each other: say which network they share, "
      "ALLMODES_NETWORK=10.99.0.0/24 or =eth0, and let firewalls pass it",
      local_size, size - local_size);
  if (!bridges.empty())
    text += fmt::format(
        ". This host also has {}, which other hosts may have with the same address: MPI then waits "
        "for the wrong one",
        fmt::join(bridges, ", "));
  return text + "\n";
}

std::vector<std::string> bridge_addresses() {
  constexpr std::array kPrefixes{"docker",  "br-",    "virbr", "cni",
                                 "flannel", "podman", "lxcbr", "lxdbr"};
  std::vector<std::string> found;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    const std::string_view name = each->ifa_name;
    if (std::ranges::none_of(kPrefixes, [&](const char* p) { return name.starts_with(p); }))
      continue;
    std::array<char, INET_ADDRSTRLEN> address{};
    const auto* ip = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
    if (inet_ntop(AF_INET, &ip->sin_addr, address.data(), address.size()) != nullptr)
      found.push_back(fmt::format("{} ({})", name, address.data()));
  }
  freeifaddrs(all);
  return found;
}

StartWatch::StartWatch(const Environment& environment, const std::string& host, StartStage stage)
    : environment_(environment), host_(host) {
  if (!launched_by_mpi(environment) || size_in(environment) == 1) return;
  seconds_ = start_limit(environment);
  if (seconds_ <= 0) return;
  mine_ = {.rank = launched_rank(environment),
           .local_rank = local_rank_in(environment),
           .pid = getpid()};
  if (const char* folder = environment("PMIX_SERVER_TMPDIR")) folder_ = folder;
  reached(stage);
  deadline_.emplace(seconds_, ExitCode::kLostRank, [this] { return explain(); });
}

StartWatch::~StartWatch() {
  deadline_.reset();
  if (folder_.empty()) return;
  std::error_code ignored;
  fs::remove(folder_ / (kNotePrefix + std::to_string(mine_.rank)), ignored);
}

StartNote StartWatch::note() const {
  StartNote note = mine_;
  note.stage = stage_;
  return note;
}

void StartWatch::reached(StartStage stage) {
  stage_ = stage;
  if (folder_.empty()) return;
  const fs::path file = folder_ / (kNotePrefix + std::to_string(mine_.rank));
  const fs::path beside = file.string() + ".new";
  {
    std::ofstream stream(beside);
    stream << mine_.rank << ' ' << mine_.local_rank << ' ' << mine_.pid << ' '
           << static_cast<int>(stage) << '\n';
  }
  std::error_code ignored;
  fs::rename(beside, file, ignored);
}

// Empty on all ranks of a host but the first that comes here.
std::string StartWatch::explain() const {
  std::vector<StartNote> notes;
  if (!folder_.empty()) {
    const fs::path told = folder_ / (std::string(kNotePrefix) + "told.lock");
    const int descriptor = ::open(told.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0 && errno == EEXIST) return {};
    if (descriptor >= 0) ::close(descriptor);
    notes = read_notes(folder_);
  }
  if (notes.empty()) notes.push_back(note());
  return start_report(notes, environment_, host_, seconds_, state_of_process, bridge_addresses());
}

}  // namespace allmodes::world
