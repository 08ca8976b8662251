#pragma once

// How much memory there is to take.

#include <cstdint>
#include <filesystem>

namespace allmodes {

// Bytes that this process may still take without the machine, or a control group that it is in,
// running out: what Linux calls available, and not more than each group's limit leaves (memory.max
// of version 2, memory.limit_in_bytes of version 1; pages of files that can be dropped are not
// counted as used). All memory of the machine where the kernel says nothing. `root`: where /proc
// and /sys are.
uint64_t available_memory(const std::filesystem::path& root = "/");

}  // namespace allmodes
