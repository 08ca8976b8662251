// All-reduces between nodes, with every rank in the part of a node: the sum is the binary
// tree's over the nodes, bit for bit and on all of them, whatever the sizes of pieces and
// shares.

#include <gtest/gtest.h>
#include <mpi.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "mpi/control.h"
#include "world/fold.h"
#include "world/node_exchange.h"

namespace allmodes::world {
namespace {

MPI_Comm everyone() {
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &copy);
  return copy;
}

struct Me {
  int rank = 0, size = 1;
  Me() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
};

std::vector<float> floats_of(int node, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  fill_normal({.seed = 2, .purpose = Purpose("machines"), .step = static_cast<uint64_t>(node)}, 0,
              1, count, values.data());
  return values;
}

std::byte* bytes_of(std::vector<float>& values) {
  return reinterpret_cast<std::byte*>(values.data());
}

// The tree over the nodes, in one process.
std::vector<float> expected(int nodes, int64_t count, ReduceOp op) {
  std::vector<std::vector<float>> all;
  for (int node = 0; node < nodes; ++node) all.push_back(floats_of(node, count));
  std::vector<std::byte*> sources;
  for (auto& values : all) sources.push_back(bytes_of(values));
  std::vector<float> result(static_cast<size_t>(count));
  fold_range(DataType::f32, sources, {bytes_of(result)}, 0, count, op, 0);
  return result;
}

TEST(NodeExchange, IsTheTreeOverTheNodesForEveryLengthAndPiece) {
  const Me me;
  for (const bool sleeps : {false, true}) {
    for (const int64_t piece : {256, 4096, 1 << 20}) {
      NodeExchange exchange(everyone(), {.piece_bytes = piece, .sleeps = sleeps});
      EXPECT_EQ(exchange.nodes(), me.size);
      for (const int64_t count : {1, 63, 64, 65, 1000, 12345}) {
        for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min}) {
          auto values = floats_of(me.rank, count);
          exchange.all_reduce({bytes_of(values), count, DataType::f32, op, true});
          ASSERT_EQ(values, expected(me.size, count, op)) << piece << " " << count;
        }
      }
    }
  }
}

TEST(NodeExchange, SeveralAtATimeAreEachTheTreeAndEndInTheirOrder) {
  const Me me;
  NodeExchange exchange(everyone(), {.piece_bytes = 1024, .sleeps = true});
  const std::vector<int64_t> counts = {5000, 0, 1, 70000, 0, 257, 3};
  std::vector<std::vector<float>> values;
  for (const int64_t count : counts) values.push_back(floats_of(me.rank, count));
  std::vector<size_t> ended;
  for (size_t i = 0; i < counts.size(); ++i) {
    exchange.begin({.data = bytes_of(values[i]), .count = counts[i], .done = [&ended, i] {
                      ended.push_back(i);
                    }});
    // Machines are differently far when the next one begins.
    for (int round = 0; round < me.rank * 3; ++round) exchange.advance();
  }
  while (!exchange.idle()) exchange.advance();
  EXPECT_EQ(ended, (std::vector<size_t>{0, 1, 2, 3, 4, 5, 6}));
  for (size_t i = 0; i < counts.size(); ++i)
    EXPECT_EQ(values[i], expected(me.size, counts[i], ReduceOp::sum)) << i;
}

TEST(NodeExchange, CountsAreExactAndBytesToo) {
  const Me me;
  NodeExchange exchange(everyone(), {.piece_bytes = 512, .bfloat16 = true});
  std::vector<int64_t> counts(777);
  std::iota(counts.begin(), counts.end(), (int64_t{1} << 40) * me.rank);
  exchange.all_reduce(
      {reinterpret_cast<std::byte*>(counts.data()), 777, DataType::i64, ReduceOp::sum, true});
  for (int64_t i = 0; i < 777; ++i)
    ASSERT_EQ(counts[static_cast<size_t>(i)],
              i * me.size + (int64_t{1} << 40) * me.size * (me.size - 1) / 2);
  std::vector<uint8_t> flags(99, me.rank == me.size - 1 ? 1 : 0);
  exchange.all_reduce(
      {reinterpret_cast<std::byte*>(flags.data()), 99, DataType::u8, ReduceOp::max, true});
  EXPECT_EQ(flags, std::vector<uint8_t>(99, 1));
}

TEST(NodeExchange, AsBfloat16EveryNodeHasTheSameBitsNearTheSum) {
  const Me me;
  constexpr int64_t kCount = 5000;
  NodeExchange exchange(everyone(), {.piece_bytes = 1024, .bfloat16 = true, .sleeps = true});
  auto values = floats_of(me.rank, kCount);
  values[7] = me.rank == 0 ? INFINITY : 1.0f;
  values[8] = me.rank == me.size - 1 ? NAN : 1.0f;
  exchange.all_reduce({bytes_of(values), kCount, DataType::f32, ReduceOp::sum, true});
  EXPECT_TRUE(std::isinf(values[7]));
  EXPECT_TRUE(std::isnan(values[8]));
  const auto sum = expected(me.size, kCount, ReduceOp::sum);
  double error = 0, norm = 0;
  for (size_t i = 9; i < values.size(); ++i) {
    error += std::pow(values[i] - sum[i], 2);
    norm += std::pow(sum[i], 2);
    // What was sent has eight bits of mantissa.
    uint32_t bits = 0;
    std::memcpy(&bits, &values[i], sizeof bits);
    ASSERT_EQ(bits & 0xffff, 0U);
  }
  EXPECT_LT(std::sqrt(error / norm), 4e-3);
  EXPECT_GT(error, 0);
  std::vector<float> first = values;
  MPI_Bcast(first.data(), static_cast<int>(kCount), MPI_FLOAT, 0, MPI_COMM_WORLD);
  EXPECT_EQ(std::memcmp(first.data(), values.data(), sizeof(float) * kCount), 0);
  // Where it may not be rounded it is not.
  auto exact = floats_of(me.rank, kCount);
  exchange.all_reduce({bytes_of(exact), kCount, DataType::f32, ReduceOp::sum, false});
  EXPECT_EQ(exact, sum);
}

}  // namespace
}  // namespace allmodes::world
