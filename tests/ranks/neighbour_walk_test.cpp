// Walks among the neighbours of pooled rows: where they end, and what that says of two sets.

#include "diagnostics/metrics/neighbour_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "diagnostics/metrics/nearest_neighbors.h"
#include "diagnostics/statistics/null_distribution.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kWide = 2;
constexpr int64_t kNear = 10;

std::vector<float> plane(int64_t rows, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(rows * kWide));
  fill_normal({seed, Purpose("walks")}, 0, rows, kWide, values.data());
  return values;
}

NeighbourWalk walk_of(const std::vector<float>& rows) {
  const int64_t count = std::ssize(rows) / kWide;
  return {nearest_neighbors({rows, kWide}, kNear, {0, count}).rows, kNear, kNear};
}

// All steps as a matrix, multiplied out.
TEST(NeighbourWalk, EndsWhereTheProductOfThreeStepsDoesWithoutTheRowItself) {
  const auto rows = plane(40, 3);
  const auto lists = nearest_neighbors({rows, kWide}, kNear, {0, 40}).rows;
  std::vector<std::vector<double>> joined(40, std::vector<double>(40, 0.0));
  for (size_t i = 0; i < 40; ++i)
    for (size_t j = 0; j < static_cast<size_t>(kNear); ++j) {
      const auto other = static_cast<size_t>(lists[i * static_cast<size_t>(kNear) + j]);
      joined[i][other] = joined[other][i] = 1;
    }
  std::vector<uint8_t> marked;
  for (int i = 0; i < 40; ++i) marked.push_back(i % 3 == 0 ? 1 : 0);
  const auto found = walk_of(rows).ends_marked({&marked, 1}).front();
  for (size_t from = 0; from < 40; ++from) {
    std::vector<double> at(40, 0.0);
    at[from] = 1;
    for (int step = 0; step < 3; ++step) {
      std::vector<double> next(40, 0.0);
      for (size_t i = 0; i < 40; ++i) {
        double degree = 0;
        for (const double edge : joined[i]) degree += edge;
        for (size_t j = 0; j < 40; ++j) next[j] += at[i] * joined[i][j] / degree;
      }
      at = next;
    }
    double ends = 0;
    for (size_t j = 0; j < 40; ++j) ends += j != from && marked[j] != 0 ? at[j] : 0;
    EXPECT_NEAR(found[from] / static_cast<double>(kWalkUnit), ends / (1 - at[from]), 1e-5);
  }
}

TEST(NeighbourWalk, ARowsOwnMarkHasNoSay) {
  const auto walk = walk_of(plane(60, 4));
  std::vector<uint8_t> marked(60, 0);
  const auto without = walk.ends_marked({&marked, 1}).front();
  marked[7] = 1;
  EXPECT_EQ(walk.ends_marked({&marked, 1}).front()[7], without[7]);
}

// 1,500 reals and fakes of one normal law; in the half plane x > 1, which holds 16 %, fakes are
// made with the probability `there`.
WalkedCuts compared(double there, uint64_t seed, int ranks = 1) {
  const auto drawn = plane(12000, seed);
  std::vector<float> uniform(12000);
  fill_uniform({seed, Purpose("kept")}, 0, 12000, 1, uniform.data());
  std::vector<float> rows;
  std::vector<uint8_t> is_real;
  for (size_t i = 0; i < 12000 && is_real.size() < 3000; ++i) {
    const bool real = is_real.size() < 1500;
    if (!real && drawn[2 * i] > 1 && static_cast<double>(uniform[i]) >= there) continue;
    rows.insert(rows.end(), {drawn[2 * i], drawn[2 * i + 1]});
    is_real.push_back(real ? 1 : 0);
  }
  const auto walk = walk_of(rows);
  WalkedCuts found;
  testing::run_ranks(ranks, [&](world::Communicator& control) {
    auto of_rank = compare_walks(control, walk, is_real, drawn_cuts(control, is_real, 100, seed));
    if (control.rank() + 1 == control.size()) found = std::move(of_rank);
  });
  return found;
}

double log10_tail_of(const WalkedCuts& cuts, size_t figure) {
  std::vector<double> draws;
  for (const auto& draw : cuts.draws) draws.push_back(draw.at(figure));
  return Null(draws, Worse::high).log10_tail(cuts.actual.at(figure));
}

TEST(WalkedCuts, APlaceAmidTheDataThatIsMadeAtAThirdOfItsShareIsShortAndNothingElseIs) {
  const auto starved = compared(0.3, 5);
  EXPECT_GT(starved.actual[0], 0.08);
  EXPECT_LT(std::abs(starved.actual[1]), 0.5 * starved.actual[0]);
  EXPECT_LT(log10_tail_of(starved, 2), -5);
  EXPECT_GT(log10_tail_of(starved, 3), -3);
  const auto equal = compared(1, 5);
  EXPECT_LT(std::abs(equal.actual[0]), 0.03);
  EXPECT_GT(log10_tail_of(equal, 2), -3);
  EXPECT_GT(log10_tail_of(equal, 3), -3);
}

// Fakes that lack 16 % of the data are 1.19 times as many everywhere else, which is no surplus of
// any place.
TEST(WalkedCuts, WhatIsLostIsNotHeldAgainstTheRest) {
  for (const uint64_t seed : {11, 12, 13}) {
    const auto lost = compared(0, seed);
    EXPECT_GT(lost.actual[0], 0.1);
    EXPECT_LT(log10_tail_of(lost, 2), -6);
    EXPECT_GT(log10_tail_of(lost, 3), -2);
  }
}

// Marks of rows whose surroundings are nearly empty are as often of fakes as the law there says,
// since a row's own mark has no say in whether it is one of them.
TEST(WalkedCuts, TheCoreOfAPlaceHasAsManyFakesAsAreMadeThere) {
  for (const double there : {0.0, 0.3}) {
    double reals = 0, fakes = 0;
    for (uint64_t seed = 20; seed < 25; ++seed) {
      const auto found = compared(there, seed);
      for (size_t row = 0; row < found.shorted.size(); ++row)
        if (found.shorted[row] == 2) (row < 1500 ? reals : fakes) += 1;
    }
    EXPECT_GT(reals, there > 0 ? 20 : 500) << there;
    EXPECT_NEAR(fakes / reals, there, 0.1) << there;
  }
}

TEST(WalkedCuts, AreEqualToTheLastBitOnAnyNumberOfRanks) {
  const auto alone = compared(0.3, 6);
  for (const int ranks : {2, 3}) {
    const auto split = compared(0.3, 6, ranks);
    EXPECT_EQ(split.actual, alone.actual);
    EXPECT_EQ(split.draws, alone.draws);
    EXPECT_EQ(split.shorted, alone.shorted);
  }
}

}  // namespace
}  // namespace allmodes::diagnostics
