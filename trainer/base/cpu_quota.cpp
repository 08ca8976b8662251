#include "base/cpu_quota.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

namespace allmodes {
namespace {

namespace fs = std::filesystem;

// The first words of a small file; none where it cannot be read.
std::vector<std::string> words_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> words;
  for (std::string word; words.size() < 2 && stream >> word;) words.push_back(word);
  return words;
}

// `quota` microseconds in each period of `period`; nullopt for "max", -1 and what is no number.
std::optional<double> ratio(const std::string& quota, const std::string& period) {
  double part = 0, whole = 0;
  if (!(std::istringstream(quota) >> part) || !(std::istringstream(period) >> whole))
    return std::nullopt;
  if (part <= 0 || whole <= 0) return std::nullopt;
  return part / whole;
}

std::optional<double> quota_of(const fs::path& group) {
  if (const auto both = words_of(group / "cpu.max"); both.size() == 2)
    return ratio(both[0], both[1]);
  const auto quota = words_of(group / "cpu.cfs_quota_us");
  const auto period = words_of(group / "cpu.cfs_period_us");
  if (quota.empty() || period.empty()) return std::nullopt;
  return ratio(quota[0], period[0]);
}

// The hierarchy's folder below /sys/fs/cgroup for the controllers of a line of /proc/self/cgroup,
// which are empty for version 2; nullopt when it says nothing about processors.
std::optional<fs::path> hierarchy(const std::string& controllers) {
  if (controllers.empty()) return fs::path();
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == "cpu") return fs::path(controllers);
  return std::nullopt;
}

}  // namespace

std::optional<CpuQuota> cpu_quota(const fs::path& root) {
  std::optional<CpuQuota> least;
  const auto consider = [&](const fs::path& group) {
    const auto found = quota_of(group);
    if (found && (!least || *found < least->processors)) least = CpuQuota{*found, group.string()};
  };
  const fs::path mounted = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  // "NUMBER:CONTROLLERS:/PATH"
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto folder = hierarchy(line.substr(first + 1, second - first - 1));
    if (!folder) continue;
    // A limit of a group around it holds too. A container may see its own group as the root, or the
    // path that it has outside; then what lies at the root is its own.
    const fs::path top = mounted / *folder;
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) consider(top / group);
    consider(top);
  }
  // Of several containers each may call its own group "/".
  std::error_code failure;
  const auto space = fs::read_symlink(root / "proc/self/ns/cgroup", failure);
  if (least && !failure) least->group += " in " + space.string();
  return least;
}

}  // namespace allmodes
