#include "base/available_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/control_groups.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;

// The number that follows `name` in a file of names and numbers.
std::optional<uint64_t> number_after(const fs::path& file, const std::string& name) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string first;
    uint64_t number = 0;
    if (words >> first && first == name && words >> number) return number;
  }
  return std::nullopt;
}

// The number that a file consists of; nullopt for "max" and where there is no such file.
std::optional<uint64_t> number_in(const fs::path& file) {
  uint64_t number = 0;
  if (!(std::ifstream(file) >> number)) return std::nullopt;
  return number;
}

// What a group's limit leaves; nullopt where it has none.
std::optional<uint64_t> left_in(const fs::path& group) {
  auto limit = number_in(group / "memory.max");
  auto used = number_in(group / "memory.current");
  const bool second = limit && used;
  if (!second) {
    limit = number_in(group / "memory.limit_in_bytes");
    used = number_in(group / "memory.usage_in_bytes");
  }
  if (!limit || !used) return std::nullopt;
  const auto droppable =
      number_after(group / "memory.stat", second ? "inactive_file" : "total_inactive_file");
  const uint64_t kept = *used - std::min(*used, droppable.value_or(0));
  return *limit - std::min(*limit, kept);
}

}  // namespace

uint64_t available_memory(const fs::path& root) {
  constexpr uint64_t kKiB = 1024;
  const auto available = number_after(root / "proc/meminfo", "MemAvailable:");
  uint64_t least = available ? *available * kKiB
                             : static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const auto& group : control_groups("memory", root))
    if (const auto left = left_in(group)) least = std::min(least, *left);
  return least;
}

}  // namespace allmodes
