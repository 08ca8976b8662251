#include "base/cpu_quota.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/control_groups.h"

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

}  // namespace

std::optional<CpuQuota> cpu_quota(const fs::path& root) {
  std::optional<CpuQuota> least;
  const auto consider = [&](const fs::path& group) {
    const auto found = quota_of(group);
    if (found && (!least || *found < least->processors)) least = CpuQuota{*found, group.string()};
  };
  for (const auto& group : control_groups("cpu", root)) consider(group);
  // Of several containers each may call its own group "/".
  std::error_code failure;
  const auto space = fs::read_symlink(root / "proc/self/ns/cgroup", failure);
  if (least && !failure) least->group += " in " + space.string();
  return least;
}

}  // namespace allmodes
