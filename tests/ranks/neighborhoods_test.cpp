// Precision, recall, density and coverage: the definitions, closed forms, any number of ranks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "diagnostics/metrics/precision_recall.h"
#include "ranks/metric_samples.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnostics {
namespace {

using fixture::normal_sample;
using fixture::repeated;
using fixture::Sample;
using fixture::summarize;
using fixture::Summary;

// The definitions, in plain loops.
NeighborhoodScores by_definition(const Features& reals, const Features& fakes,
                                 const Neighborhood& neighborhood) {
  const auto radius = [](const Features& set, int64_t row, int64_t k) {
    std::vector<double> distances;
    for (int64_t other = 0; other < set.rows(); ++other)
      if (other != row) distances.push_back(squared_distance(set.row(row), set.row(other)));
    std::nth_element(distances.begin(), distances.begin() + k - 1, distances.end());
    return distances[static_cast<size_t>(k - 1)];
  };
  NeighborhoodScores scores;
  std::vector<int> precise(static_cast<size_t>(fakes.rows()), 0);
  std::vector<double> fake_radii;
  for (int64_t j = 0; j < fakes.rows(); ++j)
    fake_radii.push_back(radius(fakes, j, neighborhood.precision_k));
  for (int64_t i = 0; i < reals.rows(); ++i) {
    const double precision_radius = radius(reals, i, neighborhood.precision_k);
    const double coverage_radius = radius(reals, i, neighborhood.coverage_k);
    bool recalled = false;
    bool covered = false;
    for (int64_t j = 0; j < fakes.rows(); ++j) {
      const double distance = squared_distance(reals.row(i), fakes.row(j));
      if (distance <= precision_radius) precise[static_cast<size_t>(j)] = 1;
      if (distance <= coverage_radius) scores.density += 1;
      covered |= distance <= coverage_radius;
      recalled |= distance <= fake_radii[static_cast<size_t>(j)];
    }
    scores.recall += recalled ? 1 : 0;
    scores.coverage += covered ? 1 : 0;
  }
  const auto n = static_cast<double>(reals.rows());
  const auto m = static_cast<double>(fakes.rows());
  scores.precision = static_cast<double>(std::count(precise.begin(), precise.end(), 1)) / m;
  scores.recall /= n;
  scores.coverage /= n;
  scores.density /= static_cast<double>(neighborhood.coverage_k) * m;
  return scores;
}

void expect_equal(const NeighborhoodScores& a, const NeighborhoodScores& b) {
  EXPECT_EQ(a.precision, b.precision);
  EXPECT_EQ(a.recall, b.recall);
  EXPECT_DOUBLE_EQ(a.density, b.density);
  EXPECT_EQ(a.coverage, b.coverage);
}

TEST(Neighborhoods, CountsAreThoseOfTheDefinitionInPlainLoops) {
  // Several blocks of rows and of columns, not filled; distant data, where products cancel most.
  for (const double offset : {0.0, 300.0}) {
    Sample reals = normal_sample(700, 6, 1);
    Sample fakes = normal_sample(601, 6, 2, 1.3);
    for (Sample* sample : {&reals, &fakes})
      for (float& value : sample->values) value += static_cast<float>(offset);
    const Neighborhood neighborhood;
    expect_equal(neighborhood_scores(reals, fakes, neighborhood),
                 by_definition(reals, fakes, neighborhood));
  }
}

TEST(Neighborhoods, TiesAreDecidedAsInPlainLoops) {
  // On a lattice most distances are ties, with copies among them.
  Sample reals{{}, 2};
  Sample fakes{{}, 2};
  Random random({3, Purpose("lattice")});
  for (int i = 0; i < 600; ++i) {
    reals.values.push_back(0.1f * static_cast<float>(random.below(9)));
    fakes.values.push_back(0.1f * static_cast<float>(random.below(9)));
  }
  const Neighborhood neighborhood{.precision_k = 2, .coverage_k = 4};
  expect_equal(neighborhood_scores(reals, fakes, neighborhood),
               by_definition(reals, fakes, neighborhood));
}

TEST(Neighborhoods, AtOneDistanceTheNextRowsAreListed) {
  // Corners of a simplex: any two rows are as far apart as any other two.
  std::vector<float> corners(36, 0);
  for (size_t i = 0; i < 6; ++i) corners[i * 7] = 1;
  const Sample sample{corners, 6};
  const Neighbors found = nearest_neighbors(sample, 2, all_rows(sample));
  const std::vector<int64_t> next = {1, 2, 2, 3, 3, 4, 4, 5, 5, 0, 0, 1};
  EXPECT_EQ(found.rows, next);
  const Neighbors part = nearest_neighbors(sample, 2, {4, 6});
  EXPECT_EQ(part.rows, std::vector<int64_t>(next.begin() + 8, next.end()));
}

// The k nearest of a row and the first of those that are nearest, in plain loops.
Neighbors nearest_by_definition(const Features& set, int64_t k) {
  Neighbors found{.k = k, .squared = {}, .rows = {}, .nearest = {}};
  for (int64_t row = 0; row < set.rows(); ++row) {
    std::vector<std::pair<double, int64_t>> others;  // and steps to it
    int64_t nearest = row == 0 ? 1 : 0;
    std::vector<int64_t> copies;
    const auto square_to = [&](int64_t other) {
      return squared_distance(set.row(row), set.row(other));
    };
    for (int64_t other = 0; other < set.rows(); ++other) {
      if (other == row) continue;
      if (square_to(other) < square_to(nearest)) nearest = other;
      const bool copy = square_to(other) == 0;
      if (copy && std::ssize(copies) == k) continue;
      if (copy) copies.push_back(other);
      others.emplace_back(square_to(other), (other - row + set.rows()) % set.rows());
    }
    std::ranges::sort(others);
    others.resize(static_cast<size_t>(k));
    for (const auto& [square, steps] : others) {
      found.squared.push_back(square);
      found.rows.push_back((row + steps) % set.rows());
    }
    found.nearest.push_back(nearest);
  }
  return found;
}

TEST(Neighborhoods, NearestRowsAreThoseOfPlainLoops) {
  std::vector<Sample> sets = {normal_sample(1300, 3, 1), normal_sample(700, 40, 2),
                              normal_sample(600, 6, 3)};
  for (float& value : sets[2].values) value += 3000;
  // Few values: many copies of a row, and many rows at one distance.
  for (const int64_t values : {2, 4, 30}) {
    Sample lattice{{}, 3};
    Random random({static_cast<uint64_t>(values), Purpose("lattice")});
    for (int i = 0; i < 3 * 1100; ++i)
      lattice.values.push_back(0.1f *
                               static_cast<float>(random.below(static_cast<uint64_t>(values))));
    sets.push_back(lattice);
  }
  sets.push_back(repeated({0, 1, 2}, 700));
  for (const Sample& set : sets)
    for (const int64_t k : {1, 5, 32, 150}) {
      const Neighbors found = nearest_neighbors(set, k, all_rows(set));
      const Neighbors expected = nearest_by_definition(set, k);
      EXPECT_EQ(found.squared, expected.squared);
      EXPECT_EQ(found.rows, expected.rows);
      EXPECT_EQ(found.nearest, expected.nearest);
    }
}

TEST(Neighborhoods, IdenticalSetsScoreOne) {
  for (const int64_t width : {1, 7, 64}) {
    const Sample sample = normal_sample(530, width, 4);
    const auto scores = neighborhood_scores(sample, sample, {});
    EXPECT_EQ(scores.precision, 1);
    EXPECT_EQ(scores.recall, 1);
    EXPECT_EQ(scores.coverage, 1);
    // Each sample lies in its own ball and, on average, in those of k others.
    EXPECT_DOUBLE_EQ(scores.density, 6.0 / 5.0);
  }
}

TEST(Neighborhoods, CollapsedGeneratorHasPrecisionAndNoRecall) {
  const Sample reals = normal_sample(500, 4, 5);
  const Sample fakes = normal_sample(500, 4, 6, 0.01);  // all near the mean of the data
  const auto scores = neighborhood_scores(reals, fakes, {});
  EXPECT_GT(scores.precision, 0.95);
  EXPECT_LT(scores.recall, 0.01);
  EXPECT_LT(scores.coverage, 0.1);
  const auto swapped = neighborhood_scores(fakes, reals, {});
  EXPECT_EQ(swapped.precision, scores.recall);
  EXPECT_EQ(swapped.recall, scores.precision);
}

TEST(Neighborhoods, CoverageOfEqualDistributionsFollowsTheClosedForm) {
  struct Case {
    int64_t reals, fakes, k, width;
  };
  for (const Case c : {Case{200, 200, 5, 1}, Case{200, 200, 5, 16}, Case{300, 100, 5, 3},
                       Case{100, 300, 3, 8}, Case{60, 60, 1, 2}, Case{400, 150, 10, 5}}) {
    std::vector<double> coverage;
    std::vector<double> density;
    for (uint64_t repeat = 0; repeat < 40; ++repeat) {
      const Sample reals = normal_sample(c.reals, c.width, 2 * repeat);
      const Sample fakes = normal_sample(c.fakes, c.width, 2 * repeat + 1);
      const auto scores =
          neighborhood_scores(reals, fakes, {.precision_k = c.k, .coverage_k = c.k});
      coverage.push_back(scores.coverage);
      density.push_back(scores.density);
    }
    const Summary found = summarize(coverage);
    EXPECT_NEAR(found.mean, expected_coverage(c.reals, c.fakes, c.k), 4 * found.standard_error)
        << c.reals << " " << c.fakes << " " << c.k << " " << c.width;
    EXPECT_LT(found.standard_error, 0.015);
    const Summary pairs = summarize(density);
    EXPECT_NEAR(pairs.mean, 1, 4 * pairs.standard_error) << c.k << " " << c.width;
  }
}

// Adds the fakes of a range that follows those already in `into`.
void append(NeighborhoodCounts& into, const NeighborhoodCounts& part) {
  into.fakes += part.fakes;
  into.precise += part.precise;
  into.inside += part.inside;
  for (size_t i = 0; i < part.recalled.size(); ++i) {
    into.recalled[i] = into.recalled[i] | part.recalled[i];
    into.covered[i] = into.covered[i] | part.covered[i];
  }
  into.nearest_real.insert(into.nearest_real.end(), part.nearest_real.begin(),
                           part.nearest_real.end());
}

TEST(Neighborhoods, CountsAreTheSameOnAnyNumberOfRanks) {
  const Sample reals = normal_sample(333, 5, 7);
  const Sample fakes = normal_sample(211, 5, 8, 0.7);
  const Neighborhood neighborhood;
  const auto alone = neighborhood_scores(reals, fakes, neighborhood);
  for (const int ranks : {1, 2, 4, 8}) {
    const auto parts = [&](int64_t rows, auto&& work) {
      using Part = decltype(work(RowRange{}));
      std::vector<Part> results(static_cast<size_t>(ranks));
      testing::run_ranks(ranks, [&](world::Communicator& communicator) {
        const auto rank = static_cast<size_t>(communicator.rank());
        results[rank] = work(rows_of_rank(rows, communicator.rank(), communicator.size()));
      });
      return results;
    };
    Neighbors of_reals;
    of_reals.k = 5;
    for (const auto& part :
         parts(333, [&](RowRange range) { return nearest_neighbors(reals, 5, range); }))
      of_reals.squared.insert(of_reals.squared.end(), part.squared.begin(), part.squared.end());
    const Neighbors of_fakes = nearest_neighbors(fakes, 3, all_rows(fakes));
    const Balls balls{of_reals.radii(3), of_reals.radii(5), of_fakes.radii(3)};
    NeighborhoodCounts all;
    all.recalled.assign(333, 0);
    all.covered.assign(333, 0);
    for (const auto& part : parts(
             211, [&](RowRange range) { return count_neighborhoods(reals, fakes, balls, range); }))
      append(all, part);
    expect_equal(neighborhood_scores(all, neighborhood), alone);
    EXPECT_EQ(all.nearest_real,
              count_neighborhoods(reals, fakes, balls, all_rows(fakes)).nearest_real);
  }
}

TEST(Neighborhoods, DegenerateSamplesAreAnsweredOrRefused) {
  const Sample same = repeated({0, 0, 0}, 20);
  const auto scores = neighborhood_scores(same, same, {});
  EXPECT_EQ(scores.precision, 1);
  EXPECT_EQ(scores.recall, 1);
  EXPECT_EQ(scores.coverage, 1);
  const Sample few = normal_sample(5, 3, 9);
  EXPECT_THROW(nearest_neighbors(few, 5, all_rows(few)), Error);
  EXPECT_THROW(nearest_neighbors(Sample{{}, 3}, 1, {}), Error);
  Sample broken = normal_sample(20, 3, 9);
  broken.values[10] = std::numeric_limits<float>::quiet_NaN();
  try {
    nearest_neighbors(broken, 3, all_rows(broken));
    FAIL() << "a NaN was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("row 3, column 1"));
  }
}

}  // namespace
}  // namespace allmodes::diagnostics
