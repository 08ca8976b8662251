#include "base/cpu_quota.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

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

}  // namespace
}  // namespace allmodes
