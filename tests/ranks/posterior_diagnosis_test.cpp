// Intervals of what is said of posteriors.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "diagnosis/diagnosis.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kPosteriors = 200;
constexpr int64_t kWidth = 4;
constexpr double kSpread = 0.8;    // of the means
constexpr double kVariance = 0.3;  // of each posterior

DiagnosedSamples rows_of(std::vector<float> values) {
  return {.source = "codes",
          .shape = {.channels = kWidth},
          .values = std::move(values),
          .labels = {},
          .class_names = {},
          .count = kPosteriors};
}

Diagnosis diagnosed(uint64_t seed, int ranks = 1) {
  std::vector<float> means(static_cast<size_t>(kPosteriors * kWidth));
  fill_normal({seed, Purpose("posterior means")}, 0, kPosteriors, kWidth, means.data());
  for (float& value : means) value *= static_cast<float>(kSpread);
  const std::vector<float> log_variances(means.size(), static_cast<float>(std::log(kVariance)));
  Diagnosis made;
  testing::run_ranks(ranks, [&](world::Communicator& group) {
    Diagnosis own = diagnose_posterior(group, rows_of(means), rows_of(log_variances), {});
    if (group.rank() + 1 == group.size()) made = std::move(own);
  });
  return made;
}

const Line& line_of(const Diagnosis& diagnosis, const std::string& name) {
  for (const Line& line : diagnosis.lines)
    if (line.name == name) return line;
  throw std::runtime_error("no line " + name);
}

// KL(N(mu, v) || N(0, 1)) with mu ~ N(0, s^2), in the mean.
TEST(PosteriorIntervals, HoldTheClosedFormOfTheDivergence) {
  const double each = 0.5 * (kSpread * kSpread + kVariance - std::log(kVariance) - 1);
  int held = 0, of_dimension = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Diagnosis made = diagnosed(seed);
    const auto& interval = line_of(made, "kl_total").interval;
    ASSERT_TRUE(interval);
    EXPECT_EQ(interval->method, "jackknife");
    held += interval->low <= kWidth * each && kWidth * each <= interval->high ? 1 : 0;
    ASSERT_EQ(made.kl_intervals.size(), static_cast<size_t>(kWidth));
    of_dimension += made.kl_intervals[0].low <= each && each <= made.kl_intervals[0].high ? 1 : 0;
  }
  EXPECT_GE(held, 57);
  EXPECT_GE(of_dimension, 57);
}

TEST(PosteriorIntervals, EveryFigureHasOneOnAnyNumberOfRanks) {
  const Diagnosis alone = diagnosed(1), four = diagnosed(1, 4);
  for (const Line& line : alone.lines) {
    ASSERT_TRUE(line.interval) << line.name;
    EXPECT_LE(line.interval->low, line.value) << line.name;
    EXPECT_GE(line.interval->high, line.value) << line.name;
    EXPECT_NEAR(line.interval->low, line_of(four, line.name).interval->low, 1e-9) << line.name;
  }
}

}  // namespace
}  // namespace allmodes::diagnosis
