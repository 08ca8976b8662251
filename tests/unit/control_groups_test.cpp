// What containers and batch systems leave of a machine.

#include "base/control_groups.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/available_memory.h"
#include "base/cpu_quota.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;

// A folder in the place of /, with the files of a machine's control groups.
class Machine {
 public:
  Machine() : root_(fs::temp_directory_path() / ("allmodes-quota-" + std::to_string(getpid()))) {
    fs::create_directories(root_);
  }
  ~Machine() { fs::remove_all(root_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Machine& file(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << "\n";
    return *this;
  }
  uint64_t memory() const { return available_memory(root_); }
  double processors() const {
    const auto quota = cpu_quota(root_);
    return quota ? quota->processors : 0;
  }

 private:
  fs::path root_;
};

TEST(CpuQuota, NoGroupsAndNoLimitAreNone) {
  Machine machine;
  EXPECT_EQ(machine.processors(), 0);
  machine.file("proc/self/cgroup", "0::/user.slice")
      .file("sys/fs/cgroup/user.slice/cpu.max", "max 100000");
  EXPECT_EQ(machine.processors(), 0);
  machine.file("sys/fs/cgroup/user.slice/cpu.max", "rubbish");
  EXPECT_EQ(machine.processors(), 0);
}

TEST(CpuQuota, OfVersionTwoTheTightestGroupAroundTheProcessCounts) {
  Machine machine;
  machine.file("proc/self/cgroup", "0::/job.slice/step/task")
      .file("sys/fs/cgroup/job.slice/step/task/cpu.max", "max 100000")
      .file("sys/fs/cgroup/job.slice/step/cpu.max", "250000 100000")
      .file("sys/fs/cgroup/job.slice/cpu.max", "800000 100000");
  EXPECT_EQ(machine.processors(), 2.5);
  EXPECT_NE(cpu_quota("/").value_or(CpuQuota{1, "x"}).group, "");
}

// docker --cpus=2: the container's own group is what it sees as the root.
TEST(CpuQuota, OfAContainerTheRootIsItsOwnGroup) {
  Machine machine;
  machine.file("proc/self/cgroup", "0::/").file("sys/fs/cgroup/cpu.max", "200000 100000");
  EXPECT_EQ(machine.processors(), 2);
}

TEST(CpuQuota, OfVersionOneToo) {
  Machine machine;
  machine
      .file("proc/self/cgroup",
            "12:cpuset:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab")
      .file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000")
      .file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
      .file("sys/fs/cgroup/cpuset/docker/ab/cpu.cfs_quota_us", "1");
  EXPECT_EQ(machine.processors(), 1.5);
  machine.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1");
  EXPECT_EQ(machine.processors(), 0);
}

TEST(AvailableMemory, IsWhatTheMachineHasLeft) {
  Machine machine;
  machine.file("proc/meminfo", "MemTotal: 8000 kB\nMemAvailable:    5000 kB\nBuffers: 1 kB");
  EXPECT_EQ(machine.memory(), 5000U * 1024);
  EXPECT_GT(available_memory(), 0U);
}

TEST(AvailableMemory, IsNoMoreThanTheTightestGroupLeaves) {
  Machine machine;
  machine.file("proc/meminfo", "MemAvailable: 1000000 kB")
      .file("proc/self/cgroup", "0::/job.slice/step")
      .file("sys/fs/cgroup/job.slice/step/memory.max", "max")
      .file("sys/fs/cgroup/job.slice/step/memory.current", "7")
      .file("sys/fs/cgroup/job.slice/memory.max", "90000")
      .file("sys/fs/cgroup/job.slice/memory.current", "50000");
  EXPECT_EQ(machine.memory(), 40000U);
  // Pages of files are given up where memory is needed.
  machine.file("sys/fs/cgroup/job.slice/memory.stat", "anon 1\ninactive_file 20000");
  EXPECT_EQ(machine.memory(), 60000U);
  machine.file("sys/fs/cgroup/job.slice/memory.current", "150000");
  EXPECT_EQ(machine.memory(), 0U);
}

TEST(AvailableMemory, KnowsVersionOneToo) {
  Machine machine;
  machine.file("proc/meminfo", "MemAvailable: 1000000 kB")
      .file("proc/self/cgroup", "9:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab")
      .file("sys/fs/cgroup/memory/memory.limit_in_bytes", "90000")
      .file("sys/fs/cgroup/memory/memory.usage_in_bytes", "50000")
      .file("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 10000")
      .file("sys/fs/cgroup/cpu,cpuacct/memory.limit_in_bytes", "1");
  EXPECT_EQ(machine.memory(), 50000U);
}

}  // namespace
}  // namespace allmodes
