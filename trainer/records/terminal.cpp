#include "records/terminal.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace allmodes::records {
namespace {

constexpr int64_t kUsualColumns = 80;
constexpr int64_t kFewestColumns = 20;

bool variable_says_something(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool on_terminal(int descriptor) {
  // mpirun puts a pseudo-terminal or a pipe between its ranks and what it writes to itself: only
  // launch/run.sh knows which descriptors of its own are terminals, and names them.
  if (variable_says_something("OMPI_COMM_WORLD_SIZE")) {
    const char* terminals = std::getenv("ALLMODES_TERMINAL");
    return terminals != nullptr && std::strchr(terminals, '0' + descriptor) != nullptr;
  }
  return ::isatty(descriptor) != 0;
}

int64_t terminal_columns(int descriptor) {
  int64_t columns = 0;
  winsize size{};
  if (descriptor >= 0 && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  if (columns == 0) {
    const char* said = std::getenv("ALLMODES_COLUMNS");
    if (said != nullptr) columns = std::strtol(said, nullptr, 10);
  }
  return columns > 0 ? std::max(columns, kFewestColumns) : kUsualColumns;
}

bool may_color(int descriptor) {
  return on_terminal(descriptor) && !variable_says_something("NO_COLOR");
}

bool one_output() {
  if (variable_says_something("ALLMODES_ONE_OUTPUT")) return true;
  // Between a launcher and its ranks are pipes of the launcher's own.
  struct stat out {
  }, error{};
  return !variable_says_something("OMPI_COMM_WORLD_SIZE") && ::fstat(STDOUT_FILENO, &out) == 0 &&
         ::fstat(STDERR_FILENO, &error) == 0 && out.st_dev == error.st_dev &&
         out.st_ino == error.st_ino;
}

}  // namespace allmodes::records
