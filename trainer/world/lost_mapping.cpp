#include "world/lost_mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "world/start_watch.h"

namespace allmodes::world {
namespace {

// Everything here is called from a signal handler: no memory is allocated, no lock is taken.

using Line = std::array<char, PATH_MAX + 128>;

// The next line of a file, cut where it is longer than that; false at the end.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}

  bool next(Line& line, size_t& length) {
    length = 0;
    for (char c = 0; get(c);) {
      if (c == '\n') return true;
      if (length < line.size()) line[length++] = c;
    }
    return length > 0;
  }

 private:
  bool get(char& c) {
    if (at_ == got_) {
      const ssize_t now = ::read(descriptor_, buffer_.data(), buffer_.size());
      if (now <= 0) return false;
      at_ = 0;
      got_ = static_cast<size_t>(now);
    }
    c = buffer_[at_++];
    return true;
  }

  int descriptor_;
  std::array<char, 4096> buffer_;
  size_t at_ = 0;
  size_t got_ = 0;
};

uintptr_t hexadecimal(std::string_view text, size_t& at) {
  uintptr_t value = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    value = 16 * value + static_cast<uintptr_t>(digit);
  }
  return value;
}

// The path of the file that is mapped at `address`, into `line`; empty where it is none.
std::string_view file_at(uintptr_t address, Line& line) {
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return {};
  LineReader reader(maps);
  std::string_view found;
  for (size_t length = 0; found.empty() && reader.next(line, length);) {
    const std::string_view text(line.data(), length);
    size_t at = 0;
    const uintptr_t begin = hexadecimal(text, at);
    ++at;  // the hyphen
    const uintptr_t end = hexadecimal(text, at);
    const size_t path = text.find('/');
    if (begin <= address && address < end && path != text.npos) found = text.substr(path);
  }
  ::close(maps);
  return found;
}

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// " [rank 1 on host]", as long as there are ranks.
std::array<char, 320> rank_and_host{};

[[noreturn]] void end_with(ExitCode code, std::string_view before, std::string_view file,
                           std::string_view after) {
  say("allmodes: error");
  say(rank_and_host.data());
  say(before);
  say(file);
  say(after);
  ::_exit(static_cast<int>(code));
}

void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  Line line;
  const auto file = file_at(reinterpret_cast<uintptr_t>(info->si_addr), line);
  const bool shared = file.starts_with("/dev/shm/") || file.find("/ompi.") != file.npos;
  if (info->si_code == BUS_ADRERR && shared)
    end_with(ExitCode::kOsError, ": no space left for the memory that ranks share, '", file,
             "': remove what others have left in that folder, or make it larger, and resume\n");
  if (info->si_code == BUS_ADRERR && !file.empty())
    end_with(ExitCode::kInputOutput, ": reading '", file,
             "' failed: it was cut short while it was in use, or its disk failed; put it back as "
             "it was and resume\n");
  // Back to the place that it came from, which ends the process now.
  ::signal(signal, SIG_DFL);
}

}  // namespace

void report_lost_mappings() {
  const int rank = launched_rank(std::getenv);
  if (rank >= 0) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    fmt::format_to_n(rank_and_host.data(), rank_and_host.size() - 1, " [rank {} on {}]", rank,
                     host.data());
  }
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace allmodes::world
