// The protocols of a node's shared memory with threads as ranks, in memory that they share anyway:
// a thread sanitizer sees every access, as it does not between processes.

#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "world/in_place_reduce.h"
#include "world/inline_reduce.h"
#include "world/meeting.h"
#include "world/staged_reduce.h"

namespace allmodes::world {
namespace {

constexpr int64_t kPiece = 4096;

// Zeroed memory of each rank, 64-byte aligned.
class Memory {
 public:
  Memory(int ranks, int64_t bytes) {
    for (int rank = 0; rank < ranks; ++rank) {
      const auto whole = static_cast<size_t>((bytes + 63) / 64 * 64);
      parts_.emplace_back(static_cast<std::byte*>(std::aligned_alloc(64, whole)), std::free);
      std::fill_n(parts_.back().get(), whole, std::byte{0});
    }
  }
  std::vector<std::byte*> at(int64_t offset) const {
    std::vector<std::byte*> places;
    for (const auto& part : parts_) places.push_back(part.get() + offset);
    return places;
  }

 private:
  std::vector<std::unique_ptr<std::byte, void (*)(void*)>> parts_;
};

// One rank's side of the three ways.
struct Rank {
  Rank(const Memory& memory, int rank, bool thread)
      : meeting(memory.at(0), rank, {}),
        inline_reduce(meeting, memory.at(Meeting::head_bytes())),
        staged(meeting, memory.at(Meeting::head_bytes() + InlineReduce::place_bytes()), kPiece,
               nullptr),
        in_place(meeting, nullptr, thread) {}
  static int64_t bytes() {
    return Meeting::head_bytes() + InlineReduce::place_bytes() + 2 * kPiece;
  }

  Meeting meeting;
  InlineReduce inline_reduce;
  StagedReduce staged;
  InPlaceReduce in_place;
};

// Runs `body` on a thread a rank; throws the first exception of one.
void on_ranks(int ranks, bool thread, const std::function<void(Rank&)>& body) {
  const Memory memory(ranks, Rank::bytes());
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      Rank mine(memory, rank, thread);
      try {
        body(mine);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        failure = std::current_exception();
      }
    });
  }
  for (auto& each : threads) each.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

Buffer buffer_of(float* data, int64_t count) {
  return {data, count, DataType::f32, Place::host};
}

// Of what rank r has r + 1 times as much as rank 0 the sum is known.
float sum_of(int64_t i, int ranks) {
  return static_cast<float>((i % 7 + 1) * ranks * (ranks + 1) / 2);
}
float term_of(int64_t i, int rank) {
  return static_cast<float>((i % 7 + 1) * (rank + 1));
}

class Protocols : public ::testing::TestWithParam<int> {};

TEST_P(Protocols, PlacesWrittenAgainHoldWhatWasMeant) {
  on_ranks(GetParam(), false, [](Rank& rank) {
    const int size = rank.meeting.size();
    std::vector<float> values(3 * kPiece / sizeof(float) + 5);
    for (int round = 0; round < 60; ++round) {
      // A few bytes, and pieces of the slots, in changing order; each place is used many times.
      const int64_t count = round % 3 == 0 ? std::ssize(values) : 1 + round % 11;
      for (int64_t i = 0; i < count; ++i)
        values[static_cast<size_t>(i)] = term_of(i + round, rank.meeting.rank());
      const Buffer buffer = buffer_of(values.data(), count);
      if (InlineReduce::fits(buffer)) {
        rank.inline_reduce.all_reduce(buffer, ReduceOp::sum);
      } else {
        rank.staged.all_reduce(buffer, ReduceOp::sum);
      }
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(values[static_cast<size_t>(i)], sum_of(i + round, size)) << round << " " << i;
    }
  });
}

// More operations are begun than may be outstanding; each rank writes its buffers again and again.
void expect_in_place(int ranks, bool thread) {
  constexpr int64_t kCount = 1500;
  constexpr int kParts = 40;
  const Memory shared(ranks, kParts * kCount * static_cast<int64_t>(sizeof(float)));
  on_ranks(ranks, thread, [&](Rank& rank) {
    const auto own = static_cast<size_t>(rank.meeting.rank());
    for (int round = 0; round < 4; ++round) {
      std::vector<uint64_t> begun;
      for (int part = 0; part < kParts; ++part) {
        const auto places = shared.at(part * kCount * static_cast<int64_t>(sizeof(float)));
        auto* values = reinterpret_cast<float*>(places[own]);
        for (int64_t i = 0; i < kCount; ++i) values[i] = term_of(i + part, rank.meeting.rank());
        begun.push_back(rank.in_place.begin(buffer_of(values, kCount), ReduceOp::sum, places));
      }
      if (round % 2 == 0) {
        rank.in_place.drain();  // before any other way
        float one = 1;
        rank.inline_reduce.all_reduce(buffer_of(&one, 1), ReduceOp::sum);
        ASSERT_EQ(one, static_cast<float>(rank.meeting.size()));
      }
      for (int part = 0; part < kParts; ++part) {
        rank.in_place.finish(begun[static_cast<size_t>(part)]);
        const auto* values = reinterpret_cast<const float*>(
            shared.at(part * kCount * static_cast<int64_t>(sizeof(float)))[own]);
        for (int64_t i = 0; i < kCount; ++i)
          ASSERT_EQ(values[i], sum_of(i + part, rank.meeting.size()));
      }
    }
  });
}

TEST_P(Protocols, MemoryReducedWhereItLiesIsItsOwnersAfterFinish) {
  expect_in_place(GetParam(), false);
}
TEST_P(Protocols, AThreadOfItsOwnKeepsThat) {
  expect_in_place(GetParam(), true);
}

INSTANTIATE_TEST_SUITE_P(Ranks, Protocols, ::testing::Values(1, 2, 3, 4));

TEST(Protocols, RanksThatMeanDifferentOperationsAllNotice) {
  for (const int64_t more : {1, 3000}) {
    int noticed = 0;
    std::mutex mutex;
    on_ranks(2, false, [&](Rank& rank) {
      std::vector<float> values(static_cast<size_t>(3 + more * rank.meeting.rank()), 1.0F);
      const Buffer buffer = buffer_of(values.data(), std::ssize(values));
      try {
        if (InlineReduce::fits(buffer)) {
          rank.inline_reduce.all_reduce(buffer, ReduceOp::sum);
        } else {
          rank.staged.all_reduce(buffer, ReduceOp::sum);
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kProtocol);
        const std::scoped_lock lock(mutex);
        ++noticed;
      }
    });
    EXPECT_EQ(noticed, 2) << more;
  }
}

// Rank 1 never comes: what rank 0 has begun is left undone, and its end waits for nobody.
TEST(InPlaceReduce, ItsEndDoesNotWaitForARankThatNeverComes) {
  const Memory memory(2, Rank::bytes());
  const Memory shared(2, 4096);
  Rank alone(memory, 0, true);
  const auto places = shared.at(0);
  alone.in_place.begin(buffer_of(reinterpret_cast<float*>(places[0]), 1024), ReduceOp::sum, places);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the thread waits by now
}

}  // namespace
}  // namespace allmodes::world
