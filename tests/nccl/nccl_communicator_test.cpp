// The calls that the communicator of GPUs makes: which, in what order, on which stream, with which
// arguments; and what it does when one fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nccl.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "nccl/recorder.h"
#include "ranks/thread_ranks.h"
#include "world/nccl_communicator.h"

namespace allmodes::world {
namespace {

using ::allmodes::testing::Call;
using ::allmodes::testing::fail_next;
using ::allmodes::testing::names;
using ::allmodes::testing::run_ranks;
using ::allmodes::testing::set_async_error;
using ::allmodes::testing::take_calls;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

constexpr int kComputeNumber = 77;
const Stream kCompute = reinterpret_cast<Stream>(static_cast<intptr_t>(kComputeNumber));

// Device memory that nothing looks at.
Buffer device_floats(int64_t count) {
  static float memory[64];
  return {.data = memory, .count = count, .type = DataType::f32, .place = Place::device};
}

std::vector<Call> collectives(const std::vector<Call>& calls) {
  std::vector<Call> found;
  for (const Call& call : calls)
    if (call.name == "ncclAllReduce" || call.name == "ncclReduce" || call.name == "ncclBroadcast")
      found.push_back(call);
  return found;
}

TEST(NcclCalls, AMeanIsOneCallInPlaceJoinedToTheCallersStreamByEvents) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  take_calls();
  Ticket ticket = nccl->all_reduce(device_floats(33), ReduceOp::mean, kCompute);
  const auto calls = take_calls();
  ASSERT_THAT(names(calls), ElementsAre("cudaEventCreate", "cudaEventRecord", "cudaStreamWaitEvent",
                                        "ncclAllReduce", "cudaEventCreate", "cudaEventRecord"));
  // After what the caller has enqueued: the communicator's stream waits for an event of its stream.
  EXPECT_EQ(calls[1].stream, kComputeNumber);
  EXPECT_EQ(calls[2].event, calls[1].event);
  const int own = calls[2].stream;
  EXPECT_NE(own, kComputeNumber);
  EXPECT_EQ(calls[3], (Call{.name = "ncclAllReduce",
                            .count = 33,
                            .type = ncclFloat32,
                            .op = ncclAvg,
                            .root = -1,
                            .in_place = true,
                            .stream = own,
                            .group = calls[3].group}));
  EXPECT_EQ(calls[5].stream, own);
  // Waiting is the device's: the caller's stream waits for the event behind the collective.
  ticket.wait(kCompute);
  const auto wait = take_calls();
  ASSERT_THAT(names(wait), ElementsAre("cudaStreamWaitEvent"));
  EXPECT_EQ(wait[0].stream, kComputeNumber);
  EXPECT_EQ(wait[0].event, calls[5].event);
}

TEST(NcclCalls, ItsStreamIsOfTheHighestPriorityAndNeverWaitsForTheDefaultOne) {
  const auto self = make_self_communicator();
  take_calls();
  const auto nccl = make_nccl_communicator(*self, 0);
  int stream = 0;
  for (const Call& call : take_calls())
    if (call.name == "cudaStreamCreate") stream = call.stream;
  EXPECT_EQ(testing::priority_of(stream), -5);
  EXPECT_TRUE(testing::non_blocking(stream));
}

TEST(NcclCalls, TypesAndReductionsAreNcclsOwn) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  const std::map<DataType, int> types{{DataType::f32, ncclFloat32},
                                      {DataType::f64, ncclFloat64},
                                      {DataType::i64, ncclInt64},
                                      {DataType::u8, ncclUint8}};
  const std::map<ReduceOp, int> operations{
      {ReduceOp::sum, ncclSum}, {ReduceOp::max, ncclMax}, {ReduceOp::min, ncclMin}};
  for (const auto& [type, expected_type] : types) {
    for (const auto& [op, expected_op] : operations) {
      take_calls();
      Buffer buffer = device_floats(4);
      buffer.type = type;
      nccl->all_reduce(buffer, op, kCompute).wait(kCompute);
      const auto made = collectives(take_calls());
      ASSERT_EQ(made.size(), 1U);
      EXPECT_EQ(made[0].type, expected_type);
      EXPECT_EQ(made[0].op, expected_op);
    }
  }
}

TEST(NcclCalls, EveryRankMakesTheSameCollectivesInTheSameOrder) {
  std::mutex mutex;
  std::map<int, std::vector<Call>> by_rank;
  std::map<int, std::vector<Call>> starts;
  run_ranks(3, [&](Communicator& control) {
    take_calls();
    const auto nccl = make_nccl_communicator(control, control.rank());
    const auto start = take_calls();
    nccl->all_reduce(device_floats(8), ReduceOp::mean, kCompute).wait(kCompute);
    nccl->broadcast(device_floats(5), 1, kCompute).wait(kCompute);
    nccl->reduce(device_floats(6), ReduceOp::sum, 2, kCompute).wait(kCompute);
    const std::scoped_lock lock(mutex);
    starts[control.rank()] = start;
    by_rank[control.rank()] = collectives(take_calls());
  });
  for (int rank = 0; rank < 3; ++rank) {
    ASSERT_EQ(by_rank[rank].size(), 3U);
    EXPECT_EQ(by_rank[rank][1].root, 1);
    EXPECT_EQ(by_rank[rank][2].root, 2);
    for (size_t i = 0; i < 3; ++i) {
      Call mine = by_rank[rank][i], first = by_rank[0][i];
      // Of a reduction only the root receives.
      if (mine.name == "ncclReduce") {
        EXPECT_EQ(mine.in_place, rank == 2);
        mine.in_place = first.in_place;
      }
      EXPECT_EQ(mine, first) << "rank " << rank << ", collective " << i;
    }
    // Rank 0's id has come to all, and each joins under its own number.
    bool joined = false;
    for (const Call& call : starts[rank]) {
      if (call.name != "ncclCommInitRank") continue;
      joined = true;
      EXPECT_EQ(call.count, 3);
      EXPECT_EQ(call.op, 7);
      EXPECT_EQ(call.root, rank);
    }
    EXPECT_TRUE(joined);
    EXPECT_EQ(std::ranges::count(names(starts[rank]), "ncclGetUniqueId"), rank == 0 ? 1 : 0);
  }
}

TEST(NcclCalls, HostMemoryStaysWithTheHosts) {
  std::mutex mutex;
  run_ranks(2, [&](Communicator& control) {
    const auto nccl = make_nccl_communicator(control, control.rank());
    take_calls();
    const auto sum = all_reduce_value<int64_t>(*nccl, control.rank() + 1, ReduceOp::sum);
    nccl->barrier();
    const std::scoped_lock lock(mutex);
    EXPECT_EQ(sum, 3);
    EXPECT_TRUE(take_calls().empty());
  });
}

TEST(NcclCalls, EventsAreUsedAgain) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  take_calls();
  for (int i = 0; i < 100; ++i)
    nccl->all_reduce(device_floats(8), ReduceOp::mean, kCompute).wait(kCompute);
  EXPECT_LE(std::ranges::count(names(take_calls()), "cudaEventCreate"), 2);
}

TEST(NcclCalls, ASplitHasAGroupAndAStreamOfItsOwn) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  const auto part = nccl->split(0, 0);
  take_calls();
  nccl->all_reduce(device_floats(8), ReduceOp::sum, kCompute).wait(kCompute);
  part->all_reduce(device_floats(8), ReduceOp::sum, kCompute).wait(kCompute);
  const auto made = collectives(take_calls());
  ASSERT_EQ(made.size(), 2U);
  EXPECT_NE(made[0].group, made[1].group);
  EXPECT_NE(made[0].stream, made[1].stream);
  EXPECT_EQ(nccl->split(-1, 0), nullptr);
}

// Gradients come from autograd's thread and stream, sums of batch statistics from the one that
// computes: whoever asks, the collectives of a communicator follow each other on its one stream in
// the order of the calls, so that they cannot pass each other on one GPU and not on another.
TEST(NcclCalls, CollectivesOfSeveralCallersStreamsAreInOneOrderOnOneStream) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  take_calls();
  for (const int64_t count : {1, 2, 3, 4, 5, 6}) {
    const auto caller = reinterpret_cast<Stream>(static_cast<intptr_t>(kComputeNumber + count % 2));
    Ticket ticket = count % 3 == 0 ? nccl->broadcast(device_floats(count), 0, caller)
                                   : nccl->all_reduce(device_floats(count), ReduceOp::sum, caller);
    if (count % 2 == 0) ticket.wait(caller);
  }
  const auto made = collectives(take_calls());
  ASSERT_EQ(made.size(), 6U);
  for (size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ(made[i].count, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(made[i].stream, made[0].stream);
    EXPECT_EQ(made[i].group, made[0].group);
  }
}

template <class Action>
std::string error_of(Action action, ExitCode code = ExitCode::kProtocol) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(NcclErrors, ACallThatFailsIsNamedWithItsRankAndDetail) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  fail_next("ncclAllReduce", ncclSystemError);
  const std::string said = error_of(
      [&] { nccl->all_reduce(device_floats(8), ReduceOp::mean, kCompute).wait(kCompute); });
  EXPECT_THAT(said, HasSubstr("ncclAllReduce failed on rank 0"));
  EXPECT_THAT(said, HasSubstr("its detail"));
  fail_next("cudaEventRecord", 700);
  EXPECT_THAT(error_of([&] {
                nccl->all_reduce(device_floats(8), ReduceOp::mean, kCompute).wait(kCompute);
              }),
              HasSubstr("cudaEventRecord"));
}

TEST(NcclErrors, AnErrorThatCameLaterStopsTheNextCollective) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  take_calls();
  set_async_error(ncclRemoteError);
  EXPECT_THAT(error_of([&] {
                nccl->all_reduce(device_floats(8), ReduceOp::mean, kCompute).wait(kCompute);
              }),
              HasSubstr("an earlier NCCL collective"));
  EXPECT_TRUE(collectives(take_calls()).empty());
  EXPECT_THAT(error_of([&] { nccl->check_health(); }), HasSubstr("an earlier NCCL collective"));
  set_async_error(ncclSuccess);
}

// A recorded graph is replayed without a call to NCCL: then the watchdog's thread alone asks.
TEST(NcclErrors, AnErrorBetweenReplaysIsToldToAnotherThreadThatAsks) {
  const auto self = make_self_communicator();
  const auto nccl = make_nccl_communicator(*self, 0);
  nccl->all_reduce(device_floats(8), ReduceOp::mean, kCompute).wait(kCompute);
  set_async_error(ncclRemoteError);
  std::string said;
  std::thread([&] { said = error_of([&] { nccl->check_health(); }); }).join();
  set_async_error(ncclSuccess);
  EXPECT_THAT(said, HasSubstr("an earlier NCCL collective failed on rank 0"));
  EXPECT_NO_THROW(nccl->check_health());
}

TEST(NcclErrors, AGroupThatCannotBeMadeLeavesNoStream) {
  const auto self = make_self_communicator();
  take_calls();
  fail_next("ncclCommInitRank", ncclInvalidUsage);
  EXPECT_THAT(error_of([&] { make_nccl_communicator(*self, 0); }), HasSubstr("ncclCommInitRank"));
  const auto made = names(take_calls());
  EXPECT_EQ(std::ranges::count(made, "cudaStreamCreate"),
            std::ranges::count(made, "cudaStreamDestroy"));
}

TEST(NcclErrors, TheEndWaitsForTheOthersButNotWhileAnErrorUnwinds) {
  const auto self = make_self_communicator();
  take_calls();
  make_nccl_communicator(*self, 0).reset();
  EXPECT_THAT(std::vector<std::string>({"cudaStreamSynchronize", "ncclCommDestroy"}),
              IsSubsetOf(names(take_calls())));
  try {
    const auto nccl = make_nccl_communicator(*self, 0);
    throw std::runtime_error("this rank fails");
  } catch (const std::runtime_error&) {
    const auto made = names(take_calls());
    EXPECT_THAT(std::vector<std::string>({"ncclCommAbort"}), IsSubsetOf(made));
    EXPECT_EQ(std::ranges::count(made, "ncclCommDestroy"), 0);
    EXPECT_EQ(std::ranges::count(made, "cudaStreamSynchronize"), 0);
  }
}

}  // namespace
}  // namespace allmodes::world
