#include "ranks/communicator_laws.h"
#include "ranks/thread_ranks.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace allmodes::testing {
namespace {

class ThreadCommunicator : public ::testing::TestWithParam<int> {
 protected:
  void on_ranks(const std::function<void(world::Communicator&)>& body) {
    run_ranks(GetParam(), body);
  }
};

TEST_P(ThreadCommunicator, ReductionsFollowTheClosedForm) {
  on_ranks(expect_reductions_follow_the_closed_form);
}
TEST_P(ThreadCommunicator, MeanIsTheSumOverTheSize) {
  on_ranks(expect_mean_is_the_sum_over_the_size);
}
TEST_P(ThreadCommunicator, ReductionsInAllocatedMemory) {
  on_ranks(expect_reductions_in_allocated_memory);
  on_ranks(expect_few_and_many_bytes_keep_apart);
}
TEST_P(ThreadCommunicator, IntegersAreExact) {
  on_ranks(expect_integers_are_exact);
}
TEST_P(ThreadCommunicator, AllReduceGivesTheSameBitsOnEveryRank) {
  on_ranks(expect_same_bits_on_every_rank);
}
TEST_P(ThreadCommunicator, ReduceTouchesTheRootAlone) {
  on_ranks(expect_reduce_touches_the_root_alone);
}
TEST_P(ThreadCommunicator, BroadcastReachesAllFromEachRoot) {
  on_ranks(expect_broadcast_from_each_root);
}
TEST_P(ThreadCommunicator, UnevenGatherKeepsLengthsAndOrder) {
  on_ranks(expect_uneven_gather_keeps_lengths_and_order);
}
TEST_P(ThreadCommunicator, SplitOrdersByKey) {
  on_ranks(expect_split_orders_by_key);
}
TEST_P(ThreadCommunicator, MisuseIsRefused) {
  on_ranks(expect_misuse_is_refused);
}
TEST_P(ThreadCommunicator, DisagreementEndsEveryRankAndNamesBothSides) {
  on_ranks(expect_agreement_names_both_sides);
}

INSTANTIATE_TEST_SUITE_P(Ranks, ThreadCommunicator, ::testing::Values(1, 2, 3, 4));

TEST(ThreadRanks, TheFirstExceptionReleasesTheOthersAndIsThrownAgain) {
  const auto failing = [](world::Communicator& group) {
    const auto part = group.split(group.rank() % 2, 0);
    if (group.rank() == 2) throw std::runtime_error("rank 2 fails");
    part->barrier();  // rank 0 waits for rank 2 in a part,
    group.barrier();  // ranks 1 and 3 in the whole
  };
  try {
    run_ranks(4, failing);
    FAIL() << "the exception was lost";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "rank 2 fails");
  }
}

TEST(ThreadRanks, UnequalCountsAreNoticed) {
  EXPECT_THROW(run_ranks(2,
                         [](world::Communicator& group) {
                           std::vector<float> values(3 + static_cast<size_t>(group.rank()), 1.0F);
                           all_reduce_host(group, std::span(values), world::ReduceOp::sum);
                         }),
               Error);
}

TEST(SelfCommunicator, KeepsTheLawsOfAGroupOfOne) {
  const auto self = world::make_self_communicator();
  expect_reductions_follow_the_closed_form(*self);
  expect_mean_is_the_sum_over_the_size(*self);
  expect_reductions_in_allocated_memory(*self);
  expect_integers_are_exact(*self);
  expect_reduce_touches_the_root_alone(*self);
  expect_broadcast_from_each_root(*self);
  expect_uneven_gather_keeps_lengths_and_order(*self);
  expect_split_orders_by_key(*self);
  expect_misuse_is_refused(*self);
  expect_agreement_names_both_sides(*self);
}

}  // namespace
}  // namespace allmodes::testing
