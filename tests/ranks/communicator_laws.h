#pragma once

// The laws that every communicator keeps, as checks on one rank of a group; the tests of threads as
// ranks and those under mpirun run the same ones.

#include "base/error.h"
#include "world/communicator.h"
#include "world/handshake.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace allmodes::testing {

// Small integers: every partial sum is exact in f32, so any order of addition gives the same.
inline double term(int rank, int64_t i) {
  return static_cast<double>((rank + 1) * (i % 7 + 1));
}

template <typename T>
void expect_sum_max_min(world::Communicator& group, int64_t count) {
  const int n = group.size();
  const auto filled = [&] {
    std::vector<T> values(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i)
      values[static_cast<size_t>(i)] = static_cast<T>(term(group.rank(), i));
    return values;
  };
  const auto expect = [&](world::ReduceOp op, double factor) {
    std::vector<T> values = filled();
    all_reduce_host(group, std::span(values), op);
    int64_t wrong = 0;
    for (int64_t i = 0; i < count; ++i)
      wrong +=
          values[static_cast<size_t>(i)] != static_cast<T>(factor * static_cast<double>(i % 7 + 1));
    EXPECT_EQ(wrong, 0) << name_of(op) << " of " << count << " on " << n << " ranks";
  };
  expect(world::ReduceOp::sum, n * (n + 1) / 2.0);
  expect(world::ReduceOp::max, n);
  expect(world::ReduceOp::min, 1.0);
}

inline void expect_reductions_follow_the_closed_form(world::Communicator& group) {
  for (const int64_t count : {1, 3, 1023, 65'537, 999'999}) {
    expect_sum_max_min<float>(group, count);
    expect_sum_max_min<double>(group, count);
    expect_sum_max_min<int64_t>(group, count);
  }
  expect_sum_max_min<uint8_t>(group, 1001);
}

inline void expect_mean_is_the_sum_over_the_size(world::Communicator& group) {
  std::vector<float> values(524'289);  // one more than two pieces of 1 MiB
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(term(group.rank(), static_cast<int64_t>(i)));
  all_reduce_host(group, std::span(values), world::ReduceOp::mean);
  for (size_t i = 0; i < values.size(); i += 1009) {
    const auto sum =
        static_cast<float>(group.size() * (group.size() + 1) / 2 * static_cast<int>(i % 7 + 1));
    ASSERT_EQ(values[i], sum / static_cast<float>(group.size())) << i;
  }
  EXPECT_EQ(values.back(), values[(values.size() - 1) % 7]);
  std::vector<int64_t> counts(2, 1);
  EXPECT_THROW(all_reduce_host(group, std::span(counts), world::ReduceOp::mean), Error);
}

// Memory from allocate(): several reductions begun before the first is waited for, as a reducer
// does with its buckets; each law as for other memory, and parts of it may be reduced.
inline void expect_reductions_in_allocated_memory(world::Communicator& group) {
  constexpr int64_t kCount = 300'007;
  constexpr int64_t kParts = 40;  // more than may be outstanding at once
  const auto memory = group.allocate(kCount * static_cast<int64_t>(sizeof(float)));
  const std::span<float> values(static_cast<float*>(memory.get()), kCount);
  for (const float value : values) ASSERT_EQ(value, 0.0F);
  const int n = group.size();
  for (int round = 0; round < 3; ++round) {
    for (int64_t i = 0; i < kCount; ++i)
      values[static_cast<size_t>(i)] = static_cast<float>(term(group.rank(), i));
    std::vector<world::Ticket> tickets;
    for (int64_t part = 0; part < kParts; ++part) {
      const int64_t first = kCount * part / kParts / 16 * 16;
      const int64_t last = part + 1 == kParts ? kCount : kCount * (part + 1) / kParts / 16 * 16;
      tickets.push_back(group.all_reduce(
          {values.data() + first, last - first, world::DataType::f32, world::Place::host},
          round == 2 ? world::ReduceOp::max : world::ReduceOp::mean, nullptr));
    }
    if (round == 1) {  // another collective in between takes its turn
      EXPECT_EQ(all_reduce_value<int64_t>(group, 1, world::ReduceOp::sum), n);
    }
    for (auto& ticket : tickets) ticket.wait(nullptr);
    const double factor = round == 2 ? n : (n + 1) / 2.0;
    int64_t wrong = 0;
    for (int64_t i = 0; i < kCount; ++i)
      wrong += values[static_cast<size_t>(i)] !=
               static_cast<float>(factor * static_cast<double>(i % 7 + 1));
    EXPECT_EQ(wrong, 0) << "round " << round << " on " << n << " ranks";
  }
}

// A few bytes travel another way than many; in any mixture, begun long before they are waited for
// and on ranks that are late in turn, each gets its own.
inline void expect_few_and_many_bytes_keep_apart(world::Communicator& group) {
  const std::vector<int64_t> counts{1, 5000, 8, 3, 9, 1, 1, 2};
  constexpr size_t kParts = 200;
  int64_t total = 0;
  for (size_t part = 0; part < kParts; ++part) total += counts[part % counts.size()];
  const auto memory = group.allocate(total * static_cast<int64_t>(sizeof(float)));
  const std::span<float> values(static_cast<float*>(memory.get()), static_cast<size_t>(total));
  for (int64_t i = 0; i < total; ++i)
    values[static_cast<size_t>(i)] = static_cast<float>(term(group.rank(), i));
  std::vector<world::Ticket> tickets;
  int64_t first = 0;
  for (size_t part = 0; part < kParts; ++part) {
    const int64_t count = counts[part % counts.size()];
    if (part % 50 == static_cast<size_t>(group.rank()) % 50)
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    tickets.push_back(
        group.all_reduce({values.data() + first, count, world::DataType::f32, world::Place::host},
                         world::ReduceOp::sum, nullptr));
    if (part % 7 == 0) tickets[part / 2].wait(nullptr);
    first += count;
  }
  for (auto& ticket : tickets) ticket.wait(nullptr);
  const double factor = group.size() * (group.size() + 1) / 2.0;
  int64_t wrong = 0;
  for (int64_t i = 0; i < total; ++i)
    wrong += values[static_cast<size_t>(i)] !=
             static_cast<float>(factor * static_cast<double>(i % 7 + 1));
  EXPECT_EQ(wrong, 0) << group.size() << " ranks";
  for (int64_t i = 0; i < 100; ++i)  // more than notes are kept
    ASSERT_EQ(all_reduce_value<int64_t>(group, i * (group.rank() + 1), world::ReduceOp::max),
              i * group.size());
}

inline void expect_integers_are_exact(world::Communicator& group) {
  constexpr int64_t kLarge = (int64_t{1} << 53) + 1;  // not a double
  EXPECT_EQ(all_reduce_value<int64_t>(group, kLarge, world::ReduceOp::sum), kLarge * group.size());
  EXPECT_EQ(all_reduce_value<int64_t>(group, -kLarge - group.rank(), world::ReduceOp::max),
            -kLarge);
}

// Rounding sums: whatever the order, all ranks must have the same bits.
inline void expect_same_bits_on_every_rank(world::Communicator& group) {
  std::vector<float> values(300'001);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i) * 0.37F + static_cast<float>(group.rank()));
  all_reduce_host(group, std::span(values), world::ReduceOp::mean);
  const auto all = group.all_gather_v(std::as_bytes(std::span(values)));
  for (const auto& other : all) EXPECT_TRUE(other == all[0]);
}

inline void expect_reduce_touches_the_root_alone(world::Communicator& group) {
  const int root = group.size() - 1;
  std::vector<double> values(200'003, 1.0 + group.rank());
  group.reduce(world::host_buffer(std::span(values)), world::ReduceOp::sum, root).wait(nullptr);
  const double expected =
      group.rank() == root ? group.size() * (group.size() + 1) / 2.0 : 1.0 + group.rank();
  EXPECT_EQ(values.front(), expected);
  EXPECT_EQ(values.back(), expected);
}

inline void expect_broadcast_from_each_root(world::Communicator& group) {
  for (int root = 0; root < group.size(); ++root) {
    std::vector<int64_t> values(150'001, group.rank());
    broadcast_host(group, std::span(values), root);
    EXPECT_EQ(values, std::vector<int64_t>(150'001, root));
  }
}

inline void expect_uneven_gather_keeps_lengths_and_order(world::Communicator& group) {
  const auto text_of = [](int rank) {
    return std::string(static_cast<size_t>(rank * rank * 1000), static_cast<char>('a' + rank));
  };
  const auto texts = all_gather_text(group, text_of(group.rank()));  // rank 0 sends nothing
  ASSERT_EQ(texts.size(), static_cast<size_t>(group.size()));
  for (int rank = 0; rank < group.size(); ++rank)
    EXPECT_EQ(texts[static_cast<size_t>(rank)], text_of(rank));
  for (const auto& none : all_gather_text(group, "")) EXPECT_TRUE(none.empty());
}

inline void expect_split_orders_by_key(world::Communicator& group) {
  const auto part = group.split(group.rank() % 2, -group.rank());
  ASSERT_NE(part, nullptr);
  const int parity = group.rank() % 2;
  const int members = (group.size() + 1 - parity) / 2;
  EXPECT_EQ(part->size(), members);
  EXPECT_EQ(part->rank(), members - 1 - group.rank() / 2);
  EXPECT_EQ(all_reduce_value<int64_t>(*part, group.rank() % 2, world::ReduceOp::sum),
            parity * members);
  const auto only_first = group.split(group.rank() == 0 ? 0 : -1, 0);
  EXPECT_EQ(only_first != nullptr, group.rank() == 0);
  if (only_first != nullptr) {
    EXPECT_EQ(only_first->size(), 1);
  }
  group.barrier();
}

inline void expect_misuse_is_refused(world::Communicator& group) {
  std::vector<float> values(3, 1.0F);
  EXPECT_THROW(broadcast_host(group, std::span(values), group.size()), Error);
  EXPECT_THROW(broadcast_host(group, std::span(values), -1), Error);
  const world::Buffer nothing{nullptr, 4, world::DataType::f32, world::Place::host};
  EXPECT_THROW(group.all_reduce(nothing, world::ReduceOp::sum, nullptr).wait(nullptr), Error);
  all_reduce_host(group, std::span<float>(), world::ReduceOp::sum);  // nothing to do is allowed
}

// Every rank, also those that agree with rank 0, has to end.
inline void expect_agreement_names_both_sides(world::Communicator& group) {
  const auto start = std::chrono::steady_clock::now();
  agree(group, {{"version of allmodes", "1"}, {"configuration", "abc"}});
  const int odd = group.size() - 1;
  const bool differs = group.rank() == odd && odd > 0;
  try {
    agree(group, {{"version of allmodes", "1"}, {"configuration", differs ? "xyz" : "abc"}});
    EXPECT_EQ(odd, 0) << "a difference was not noticed";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), ExitCode::kProtocol);
    EXPECT_NE(text.find("disagree about the configuration"), std::string::npos) << text;
    EXPECT_NE(text.find("'abc'"), std::string::npos) << text;
    EXPECT_NE(text.find("'xyz'"), std::string::npos) << text;
    EXPECT_NE(text.find(fmt::format("rank {} on", odd)), std::string::npos) << text;
  }
  const auto passed = std::chrono::steady_clock::now() - start;
  EXPECT_LT(passed, std::chrono::seconds(2));
}

}  // namespace allmodes::testing
