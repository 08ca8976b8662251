#include "base/error.h"
#include "world/device.h"
#include "world/handshake.h"
#include "world/runtime.h"
#include "world/signals.h"
#include "world/versions.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

namespace allmodes::world {
namespace {

Environment environment_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

TEST(Launch, OnlyALaunchersVariablesStartMpi) {
  EXPECT_FALSE(launched_by_mpi(environment_of({{"HOME", "/"}, {"SLURM_NTASKS", "4"}})));
  EXPECT_TRUE(launched_by_mpi(environment_of({{"OMPI_COMM_WORLD_SIZE", "1"}})));
  EXPECT_TRUE(launched_by_mpi(environment_of({{"PMIX_RANK", "0"}})));
  EXPECT_TRUE(launched_by_mpi(environment_of({{"PMI_RANK", "0"}})));
}

TEST(SharedMemory, RanksOfAHostNeedASegmentEach) {
  const auto two = environment_of({{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  const auto complaint = shared_memory_complaint("/dev/shm", 1 << 20, two);
  ASSERT_TRUE(complaint.has_value());
  EXPECT_NE(complaint->find("/dev/shm has room for 1.0 MiB, and the 2 ranks"), std::string::npos)
      << *complaint;
  EXPECT_FALSE(shared_memory_complaint("/dev/shm", 8 << 20, two).has_value());
  EXPECT_FALSE(shared_memory_complaint("/dev/shm", -1, two).has_value());
  EXPECT_FALSE(shared_memory_complaint("/dev/shm", 1 << 20, environment_of({})).has_value());
  for (const char* transports : {"self,tcp", "^vader"})
    EXPECT_FALSE(shared_memory_complaint("/dev/shm", 1 << 20,
                                         environment_of({{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                                                         {"OMPI_MCA_btl", transports}}))
                     .has_value());
}

TEST(Singletons, SlurmTasksThatEachFindAWorldOfOneAreRefused) {
  const auto complaint = singleton_complaint(
      {}, environment_of({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "3"}, {"SLURM_STEP_ID", "0"}}));
  ASSERT_TRUE(complaint.has_value());
  EXPECT_NE(complaint->find("8 copies of \"rank 0 of 1\""), std::string::npos) << *complaint;
  EXPECT_NE(complaint->find("srun --ntasks=1"), std::string::npos) << *complaint;
}

// The shell of a batch job and that of an allocation have the variables of the job's tasks, and a
// shell started by srun --ntasks=1 or as an interactive step those of the job beside its own.
TEST(Singletons, AProcessOfAShellWithinASlurmJobIsOneProcess) {
  EXPECT_FALSE(singleton_complaint({}, environment_of({{"SLURM_JOB_ID", "7"},
                                                       {"SLURM_NTASKS", "2"},
                                                       {"SLURM_NPROCS", "2"},
                                                       {"SLURM_PROCID", "0"},
                                                       {"SLURM_LOCALID", "0"}}))
                   .has_value());
  EXPECT_FALSE(singleton_complaint({}, environment_of({{"SLURM_NTASKS", "2"},
                                                       {"SLURM_PROCID", "0"},
                                                       {"SLURM_STEP_ID", "4294967290"},
                                                       {"SLURM_STEP_NUM_TASKS", "1"}}))
                   .has_value());
  EXPECT_TRUE(singleton_complaint({}, environment_of({{"SLURM_NTASKS", "1"},
                                                      {"SLURM_STEP_ID", "0"},
                                                      {"SLURM_STEP_NUM_TASKS", "2"}}))
                  .has_value());
}

TEST(Singletons, DeliberateSingleProcessesAreAllowed) {
  EXPECT_FALSE(singleton_complaint({}, environment_of({})).has_value());
  // the shell of an interactive allocation
  EXPECT_FALSE(singleton_complaint({}, environment_of({{"SLURM_NTASKS", "8"}})).has_value());
  EXPECT_FALSE(
      singleton_complaint({}, environment_of({{"SLURM_NTASKS", "1"}, {"SLURM_PROCID", "0"}}))
          .has_value());
  EXPECT_FALSE(singleton_complaint({}, environment_of({{"OMPI_COMM_WORLD_SIZE", "1"},
                                                       {"SLURM_NTASKS", "8"},
                                                       {"SLURM_PROCID", "0"}}))
                   .has_value());
  World two;
  two.size = 2;
  EXPECT_FALSE(
      singleton_complaint(two, environment_of({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}))
          .has_value());
}

TEST(Singletons, ALauncherOfAnotherMpiIsRefused) {
  EXPECT_TRUE(singleton_complaint({}, environment_of({{"OMPI_COMM_WORLD_SIZE", "2"}})).has_value());
  EXPECT_TRUE(
      singleton_complaint({}, environment_of({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}})).has_value());
}

TEST(Packing, AnyTextsComeBack) {
  const std::vector<std::string> texts{"", "a:b", "12:", std::string("\0\n", 2), "ü"};
  EXPECT_EQ(unpack(pack(texts)), texts);
  EXPECT_TRUE(unpack("").empty());
}

TEST(Packing, DamageIsRefused) {
  for (const char* damaged : {"5:abc", "x", "3", ":", "-1:a", "99999999999999999999:a"})
    EXPECT_THROW(unpack(damaged), Error) << damaged;
}

TEST(Device, TheCpuIsAlwaysThere) {
  const DeviceChoice cpu = choose_device("cpu", {});
  EXPECT_FALSE(cpu.cuda);
  EXPECT_EQ(cpu.name, "cpu");
  EXPECT_NO_THROW(bind_device(cpu));
}

TEST(Device, AutoTakesAGpuOnlyWhereThereIsOne) {
  EXPECT_EQ(choose_device("auto", {}).cuda, !visible_gpus().empty());
}

TEST(Device, CudaWithoutAGpuIsRefusedWithTheReason) {
  std::string why;
  if (!visible_gpus(&why).empty()) GTEST_SKIP() << "this machine has a GPU";
  try {
    choose_device("cuda", {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
  }
}

TEST(Device, OtherNamesAreRefused) {
  try {
    choose_device("tpu", {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
  }
}

TEST(Device, TwoRanksOnOneGpuAreNamed) {
  std::vector<Member> members{{.rank = 0, .host = "a", .device = "H", .device_uuid = "GPU-1"},
                              {.rank = 1, .host = "a", .device = "H", .device_uuid = "GPU-2"},
                              {.rank = 2, .host = "b"},
                              {.rank = 3, .host = "b"}};
  EXPECT_FALSE(shared_gpu_complaint(members).has_value());
  members[3].device_uuid = "GPU-2";
  const auto complaint = shared_gpu_complaint(members);
  ASSERT_TRUE(complaint.has_value());
  EXPECT_NE(complaint->find("rank 1 on a and rank 3 on b"), std::string::npos) << *complaint;
}

TEST(Versions, AreFoundWithoutStartingAnything) {
  EXPECT_NE(mpi_version().find("MPI"), std::string::npos) << mpi_version();
  EXPECT_FALSE(nccl_version().empty());
  EXPECT_FALSE(cuda_runtime_version().empty());
  EXPECT_FALSE(cuda_driver_version().empty());
}

TEST(StopRequest, NotesTheFirstSignalAndRestoresTheHandlers) {
  struct sigaction before {};
  sigaction(SIGUSR1, nullptr, &before);
  {
    const StopRequest stop;
    EXPECT_FALSE(stop.requested());
    std::raise(SIGUSR1);
    std::raise(SIGTERM);
    EXPECT_TRUE(stop.requested());
    EXPECT_EQ(stop.signal(), SIGUSR1);
    EXPECT_THROW(StopRequest{}, Error);
    EXPECT_TRUE(stop.requested());
  }
  struct sigaction after {};
  sigaction(SIGUSR1, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  const StopRequest again({SIGUSR2});
  EXPECT_FALSE(again.requested());
  std::raise(SIGUSR2);
  EXPECT_EQ(again.signal(), SIGUSR2);
}

TEST(StopRequest, WhatAsksAProcessToEndIsNotedWhateverItsName) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU, SIGUSR1, SIGUSR2}) {
    const StopRequest stop;
    std::raise(signal);
    EXPECT_EQ(stop.signal(), signal) << signal_name(signal);
  }
  EXPECT_EQ(signal_name(SIGXCPU), "SIGXCPU");
}

TEST(StopRequest, AHangUpStaysIgnoredWhereItWasBefore) {
  auto* const before = std::signal(SIGHUP, SIG_IGN);
  {
    const StopRequest stop;
    std::raise(SIGHUP);
    EXPECT_FALSE(stop.requested());
  }
  std::signal(SIGHUP, before);
}

TEST(StopRequestDeathTest, TheSecondInterruptEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const StopRequest stop;
        std::raise(SIGINT);
        if (stop.signal() == SIGINT) std::raise(SIGINT);
        std::_Exit(0);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST(StopRequest, AnUncatchableSignalIsRefusedAndNothingStaysInstalled) {
  EXPECT_THROW(StopRequest({SIGKILL}), Error);
  EXPECT_NO_THROW(StopRequest{});
}

}  // namespace
}  // namespace allmodes::world
