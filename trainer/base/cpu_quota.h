#pragma once

// How much of the machine's processors a container or a batch system leaves to this process.

#include <filesystem>
#include <optional>
#include <string>

namespace allmodes {

struct CpuQuota {
  double processors = 0;  // processor seconds a second, > 0; 0.5 is half of one
  std::string group;      // the control group that sets it: processes of the same one share it
};

// The least of the limits that Linux control groups set for this process and the groups around it:
// cpu.max (version 2), cpu.cfs_quota_us and cpu.cfs_period_us (version 1); docker --cpus,
// Kubernetes and systemd's CPUQuota end up there. nullopt where there is none. Unlike an affinity
// mask it does not show in the number of processors that a process may run on: a process with more
// threads than its quota is stopped for most of each period. `root`: where /proc and /sys are.
std::optional<CpuQuota> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace allmodes
