#pragma once

// The Linux control groups that a process is in, by which containers and batch systems limit it.

#include <filesystem>
#include <string_view>
#include <vector>

namespace allmodes {

// The folders of the groups that `controller` ("cpu", "memory") keeps this process in, and of those
// around them, in versions 1 and 2: a limit of each of them holds. Folders need not exist. `root`:
// where /proc and /sys are.
std::vector<std::filesystem::path> control_groups(std::string_view controller,
                                                  const std::filesystem::path& root);

}  // namespace allmodes
