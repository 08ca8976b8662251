#include "base/error.h"
#include "mpi/control.h"
#include "ranks/communicator_laws.h"
#include "world/device.h"
#include "world/mpi_communicator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

namespace allmodes::testing {
namespace {

TEST(MpiCommunicator, ReductionsFollowTheClosedForm) {
  expect_reductions_follow_the_closed_form(control());
}
TEST(MpiCommunicator, MeanIsTheSumOverTheSize) {
  expect_mean_is_the_sum_over_the_size(control());
}
TEST(MpiCommunicator, ReductionsInAllocatedMemory) {
  expect_reductions_in_allocated_memory(control());
}
TEST(MpiCommunicator, FewAndManyBytesKeepApart) {
  expect_few_and_many_bytes_keep_apart(control());
}
// The same with the exchange on a thread of its own.
TEST(MpiCommunicator, AThreadOfItsOwnKeepsTheLaws) {
  const auto group = control().split(0, control().rank());
  group->prefer_thread();
  expect_reductions_in_allocated_memory(*group);
  expect_few_and_many_bytes_keep_apart(*group);
  expect_reductions_follow_the_closed_form(*group);
  expect_uneven_gather_keeps_lengths_and_order(*group);
}
// A count that differs would otherwise be added up in silence.
TEST(MpiCommunicator, UnequalCountsAreNoticed) {
  if (control().size() == 1) GTEST_SKIP() << "one rank agrees with itself";
  // A few bytes, one too many; and a few bytes beside many.
  for (const size_t more : {1, 3000}) {
    const auto group = control().split(0, control().rank());
    std::vector<float> values(3 + more * static_cast<size_t>(group->rank()), 1.0F);
    try {
      all_reduce_host(*group, std::span(values), world::ReduceOp::sum);
      FAIL() << "a difference was not noticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kProtocol);
      EXPECT_NE(std::string(error.what()).find("disagree about all-reduce"), std::string::npos)
          << error.what();
    }
  }
}
TEST(MpiCommunicator, IntegersAreExact) {
  expect_integers_are_exact(control());
}
TEST(MpiCommunicator, AllReduceGivesTheSameBitsOnEveryRank) {
  expect_same_bits_on_every_rank(control());
}
TEST(MpiCommunicator, ReduceTouchesTheRootAlone) {
  expect_reduce_touches_the_root_alone(control());
}
TEST(MpiCommunicator, BroadcastReachesAllFromEachRoot) {
  expect_broadcast_from_each_root(control());
}
TEST(MpiCommunicator, UnevenGatherKeepsLengthsAndOrder) {
  expect_uneven_gather_keeps_lengths_and_order(control());
}
TEST(MpiCommunicator, SplitOrdersByKey) {
  expect_split_orders_by_key(control());
}
TEST(MpiCommunicator, MisuseIsRefused) {
  expect_misuse_is_refused(control());
}
TEST(MpiCommunicator, DisagreementEndsEveryRankAndNamesBothSides) {
  expect_agreement_names_both_sides(control());
}

// What is more than MPI's int counts can hold goes another way; here from 100 bytes on.
TEST(MpiCommunicator, GatherBeyondTheLimitGivesTheSame) {
  if (!world::launched_by_mpi(::getenv)) GTEST_SKIP() << "not started by mpirun";
  const auto small =
      world::MpiCommunicator::duplicate(MPI_COMM_WORLD, {.piece_bytes = 16, .gather_limit = 100});
  expect_uneven_gather_keeps_lengths_and_order(*small);
  expect_mean_is_the_sum_over_the_size(*small);
}

TEST(MpiCommunicator, AFailedCallIsAnErrorThatNamesIt) {
  if (!world::launched_by_mpi(::getenv)) GTEST_SKIP() << "not started by mpirun";
  try {
    world::check_mpi(MPI_ERR_TRUNCATE, "MPI_Allreduce", 3);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kProtocol);
    EXPECT_NE(std::string(error.what()).find("MPI_Allreduce failed on rank 3: MPI_ERR_TRUNCATE"),
              std::string::npos)
        << error.what();
  }
}

TEST(Roster, EveryProcessIsListedOnceInRankOrder) {
  const world::World world = this_world();
  const auto members = world::roster(control(), world, "cpu");
  ASSERT_EQ(members.size(), static_cast<size_t>(world.size));
  std::set<int64_t> pids;
  for (size_t rank = 0; rank < members.size(); ++rank) {
    EXPECT_EQ(members[rank].rank, static_cast<int>(rank));
    EXPECT_EQ(members[rank].device, "cpu");
    pids.insert(members[rank].pid);
  }
  EXPECT_EQ(pids.size(), members.size());
  const auto& own = members[static_cast<size_t>(world.rank)];
  EXPECT_EQ(own.pid, getpid());
  EXPECT_EQ(own.host, world.host);
}

// Holds on any number of machines: the nodes' sizes, one local rank 0 each, add up to the world.
TEST(World, LocalRanksCountTheProcessesOfEachNode) {
  const world::World world = this_world();
  EXPECT_LT(world.local_rank, world.local_size);
  EXPECT_LT(world.node, world.nodes);
  const auto leads = static_cast<int64_t>(world.local_rank == 0);
  EXPECT_EQ(all_reduce_value<int64_t>(control(), leads, world::ReduceOp::sum), world.nodes);
  EXPECT_EQ(all_reduce_value<int64_t>(control(), leads * world.local_size, world::ReduceOp::sum),
            world.size);
  const auto part = control().split(world.node, world.rank);
  EXPECT_EQ(part->rank(), world.local_rank);
  EXPECT_EQ(part->size(), world.local_size);
}

TEST(DeviceCommunicator, OnTheCpuItIsASeparateGroupOfTheSameRanks) {
  const auto group = world::make_device_communicator(control(), this_world(), {});
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(group->rank(), control().rank());
  EXPECT_EQ(group->size(), control().size());
  expect_integers_are_exact(*group);
}

}  // namespace
}  // namespace allmodes::testing
