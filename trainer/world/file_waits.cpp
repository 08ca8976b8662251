#include "world/file_waits.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace allmodes::world {
namespace {

namespace fs = std::filesystem;

struct FileCall {
  long number;
  const char* name;
};

// Those whose first argument is a descriptor.
constexpr std::array kFileCalls{FileCall{SYS_read, "read"},
                                FileCall{SYS_pread64, "read"},
                                FileCall{SYS_write, "write"},
                                FileCall{SYS_pwrite64, "write"},
                                FileCall{SYS_fsync, "fsync"},
                                FileCall{SYS_fdatasync, "fsync"},
                                FileCall{SYS_close, "close"},
                                FileCall{SYS_flock, "lock"},
                                FileCall{SYS_ftruncate, "truncation"},
                                FileCall{SYS_getdents64, "listing"}};

}  // namespace

std::vector<std::string> file_waits(const fs::path& root) {
  std::vector<std::string> found;
  std::error_code error;
  fs::directory_iterator task(root / "proc/self/task", error);
  for (; !error && task != fs::directory_iterator(); task.increment(error)) {
    std::ifstream file(task->path() / "syscall");
    // "NUMBER 0xARGUMENT ...", or "running"
    long number = -1;
    std::string argument;
    if (!(file >> number >> argument)) continue;
    const auto* const call = std::ranges::find(kFileCalls, number, &FileCall::number);
    if (call == kFileCalls.end()) continue;
    const auto descriptor = std::strtoul(argument.c_str(), nullptr, 16);
    std::error_code unknown;
    const auto path = fs::read_symlink(root / "proc/self/fd" / std::to_string(descriptor), unknown);
    if (!unknown && path.is_absolute())
      found.push_back(fmt::format("{} of '{}'", call->name, path.string()));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace allmodes::world
