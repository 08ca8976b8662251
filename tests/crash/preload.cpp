// The same points in the program itself, which has been started with this library preloaded, as a rank
// of several.
//
//   ALLMODES_CRASH_FOLDER   the watched folder
//   ALLMODES_CRASH_AT       the point at which the process is killed; 0 for never
//   ALLMODES_CRASH_RANK     the rank that is watched; the others run as they are
//   ALLMODES_CRASH_POINTS   a file of at least sizeof(Progress) bytes that gets the count

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "crash/interposer.h"

namespace allmodes::crash {
namespace {

[[gnu::constructor]] void watch_this_rank() {
  const char* folder = std::getenv("ALLMODES_CRASH_FOLDER");
  const char* at = std::getenv("ALLMODES_CRASH_AT");
  const char* wanted = std::getenv("ALLMODES_CRASH_RANK");
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const char* points = std::getenv("ALLMODES_CRASH_POINTS");
  if (folder == nullptr || at == nullptr || wanted == nullptr || rank == nullptr ||
      points == nullptr || std::strcmp(wanted, rank) != 0)
    return;
  const int file = ::open(points, O_RDWR | O_CLOEXEC);
  void* memory = file < 0 ? MAP_FAILED
                          : ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED,
                                   file, 0);
  if (memory == MAP_FAILED) std::abort();
  ::close(file);
  watch(folder, std::strtoull(at, nullptr, 10), true, static_cast<Progress*>(memory));
}

}  // namespace
}  // namespace allmodes::crash
