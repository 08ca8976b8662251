#include "base/control_groups.h"

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace allmodes {
namespace {

namespace fs = std::filesystem;

// The hierarchy's folder below /sys/fs/cgroup for the controllers of a line of /proc/self/cgroup,
// which are empty for version 2; nullopt when it says nothing about the one that is asked for.
std::optional<fs::path> hierarchy(const std::string& controllers, std::string_view wanted) {
  if (controllers.empty()) return fs::path();
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == wanted) return fs::path(controllers);
  return std::nullopt;
}

}  // namespace

std::vector<fs::path> control_groups(std::string_view controller, const fs::path& root) {
  std::vector<fs::path> found;
  const fs::path mounted = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  // "NUMBER:CONTROLLERS:/PATH"
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto folder = hierarchy(line.substr(first + 1, second - first - 1), controller);
    if (!folder) continue;
    // A limit of a group around it holds too. A container may see its own group as the root, or the
    // path that it has outside; then what lies at the root is its own.
    const fs::path top = mounted / *folder;
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) found.push_back(top / group);
    found.push_back(top);
  }
  return found;
}

}  // namespace allmodes
