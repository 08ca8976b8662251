// Buckets of the gradient exchange, on many random networks: a pure function, but in a room that
// links LibTorch, and so tested here.

#include "gradients/bucket_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::gradients {
namespace {

struct Case {
  std::vector<int64_t> counts, order;
  int64_t cap = 1, edge_cap = 1;
  std::vector<Slice> slices;
  BucketPlan plan;
};

int64_t aligned(int64_t n) {
  return (n + 15) / 16 * 16;
}

// Random sizes, many of them small, in a random order, with random caps.
Case random_case(uint64_t index) {
  Random random({.seed = 11, .purpose = Purpose("bucket plans")}, index);
  Case c;
  const auto parameters = 1 + random.below(20);
  for (uint64_t i = 0; i < parameters; ++i)
    c.counts.push_back(static_cast<int64_t>(1 + random.below(random.below(2) == 0 ? 40 : 3000)));
  c.order.resize(c.counts.size());
  std::iota(c.order.begin(), c.order.end(), int64_t{0});
  std::shuffle(c.order.begin(), c.order.end(), random);
  c.cap = static_cast<int64_t>(1 + random.below(6000));
  c.edge_cap = static_cast<int64_t>(1 + random.below(static_cast<uint64_t>(c.cap)));
  c.slices = lay_out(c.counts, c.order);
  c.plan = plan_buckets(c.slices, c.order, c.cap, c.edge_cap);
  return c;
}

void for_random_cases(const std::function<void(const Case&)>& law) {
  for (uint64_t index = 0; index < 2000; ++index) {
    SCOPED_TRACE(fmt::format("case {}", index));
    law(random_case(index));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(LayOut, AlignsEveryParameterAndLeavesNoRoomBetween) {
  for_random_cases([](const Case& c) {
    int64_t next = 0;
    for (const int64_t parameter : c.order) {
      const Slice& slice = c.slices[static_cast<size_t>(parameter)];
      ASSERT_EQ(slice.offset, next);
      ASSERT_EQ(slice.offset % 16, 0);
      ASSERT_EQ(slice.count, c.counts[static_cast<size_t>(parameter)]);
      next += aligned(slice.count);
    }
    ASSERT_EQ(span_of(c.slices), next);
  });
}

TEST(LayOut, RefusesAnOrderThatIsNoPermutation) {
  const std::vector<int64_t> counts = {3, 4};
  EXPECT_THROW(lay_out(counts, std::vector<int64_t>{0}), Error);
  EXPECT_THROW(lay_out(counts, std::vector<int64_t>{1, 1}), Error);
  EXPECT_THROW(lay_out(counts, std::vector<int64_t>{0, 2}), std::exception);
}

TEST(BucketPlan, CoversTheStorageWithoutGapOrOverlap) {
  for_random_cases([](const Case& c) {
    int64_t next = 0;
    for (const Bucket& bucket : c.plan.buckets) {
      ASSERT_EQ(bucket.offset, next);
      ASSERT_GT(bucket.count, 0);
      next += bucket.count;
    }
    ASSERT_EQ(next, span_of(c.slices));
  });
}

TEST(BucketPlan, EveryParameterLiesInsideItsBucket) {
  for_random_cases([](const Case& c) {
    std::vector<int64_t> held(c.plan.buckets.size(), 0);
    for (size_t i = 0; i < c.slices.size(); ++i) {
      const Bucket& bucket = c.plan.buckets.at(static_cast<size_t>(c.plan.bucket_of[i]));
      ++held[static_cast<size_t>(c.plan.bucket_of[i])];
      ASSERT_GE(c.slices[i].offset, bucket.offset);
      ASSERT_LE(c.slices[i].offset + c.slices[i].count, bucket.offset + bucket.count);
    }
    for (size_t b = 0; b < held.size(); ++b) ASSERT_EQ(held[b], c.plan.buckets[b].parameters);
  });
}

TEST(BucketPlan, NoBucketOfSeveralParametersExceedsItsCap) {
  for_random_cases([](const Case& c) {
    const size_t last = c.plan.buckets.size() - 1;
    for (size_t b = 0; b <= last; ++b) {
      const Bucket& bucket = c.plan.buckets[b];
      const bool edge = b == 0 || b == last;
      if (bucket.parameters > 1) {
        ASSERT_LE(bucket.count, edge ? c.edge_cap : c.cap) << "bucket " << b << " of " << last + 1;
      }
    }
  });
}

// Greedy: between the edges a bucket ends only where the next parameter does not fit.
TEST(BucketPlan, IsNotFinerThanItsCapsAsk) {
  for_random_cases([](const Case& c) {
    for (size_t b = 1; b + 2 < c.plan.buckets.size(); ++b) {
      const Bucket& next = c.plan.buckets[b + 1];
      const auto first = std::find_if(c.slices.begin(), c.slices.end(), [&](const Slice& slice) {
        return slice.offset == next.offset;
      });
      ASSERT_GT(c.plan.buckets[b].count + aligned(first->count), c.cap);
    }
  });
}

TEST(BucketPlan, HasSmallFirstAndLastBuckets) {
  const std::vector<int64_t> counts(100, 16);
  std::vector<int64_t> order(100);
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto plan = plan_buckets(lay_out(counts, order), order, 320, 64);
  EXPECT_EQ(plan.buckets.front().count, 64);
  EXPECT_EQ(plan.buckets.back().count, 64);
  EXPECT_EQ(plan.buckets[1].count, 320);
  EXPECT_EQ(plan.buckets.size(), 7U);  // 64, 320 x 4, 192, 64
}

TEST(BucketPlan, RefusesCapsBelowOne) {
  const std::vector<int64_t> counts = {3}, order = {0};
  EXPECT_THROW(plan_buckets(lay_out(counts, order), order, 0, 1), Error);
  EXPECT_THROW(plan_buckets(lay_out(counts, order), order, 1, 0), Error);
}

TEST(PlanHash, SeesSizesAndOrder) {
  const std::vector<int64_t> counts = {3, 4, 5}, swapped = {4, 3, 5};
  const std::vector<int64_t> order = {2, 1, 0}, other = {2, 0, 1};
  EXPECT_EQ(plan_hash(counts, order), plan_hash(counts, order));
  EXPECT_NE(plan_hash(counts, order), plan_hash(swapped, order));
  EXPECT_NE(plan_hash(counts, order), plan_hash(counts, other));
}

}  // namespace
}  // namespace allmodes::gradients
