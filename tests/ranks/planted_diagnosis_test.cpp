// Faults planted in points, and what `allmodes diagnose` makes of them: the right kind, nothing
// where nothing is wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "base/random.h"
#include "diagnosis/diagnosis.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::State;
using Points = std::vector<float>;

struct Found {
  State state;
  std::string kind;
  std::string reason;
  std::vector<std::string> lost;
  std::string json;
};

DiagnosedSamples as_samples(const Points& values, int64_t width, const std::vector<int64_t>& labels,
                            int64_t classes) {
  DiagnosedSamples samples{.source = "points",
                           .shape = {.channels = width},
                           .values = values,
                           .labels = labels,
                           .class_names = {},
                           .count = std::ssize(values) / width};
  for (int64_t k = 0; k < classes; ++k) samples.class_names.push_back(std::to_string(k));
  return samples;
}

Found diagnosed(const Points& reals, const Points& fakes, int64_t width,
                const std::vector<int64_t>& labels = {}, int64_t classes = 0, int ranks = 1) {
  config::Verdict levels;
  levels.grace_steps = 0;
  Found found;
  testing::run_ranks(ranks, [&](world::Communicator& group) {
    const auto real = as_samples(reals, width, labels, classes);
    const auto fake = as_samples(fakes, width, {}, 0);
    const Diagnosis made = diagnose_samples(
        group, real, fake, diagnostics::pixel_features(real.shape), {}, {.step = 1}, levels);
    if (group.rank() + 1 == group.size())
      found = {made.verdict.state, made.verdict.kind, made.verdict.reason, made.verdict.lost,
               to_json(made)};
  });
  return found;
}

Points normal(int64_t rows, int64_t width, uint64_t seed, double scale = 1) {
  Points values(static_cast<size_t>(rows * width));
  fill_normal({seed, Purpose("planted")}, 0, rows, width, values.data());
  for (float& value : values) value *= static_cast<float>(scale);
  return values;
}

// Groups about `clusters` centres that are the same for every seed; cluster(random) says of which.
Points clusters(int64_t rows, int64_t width, int64_t count, double apart, double scale,
                uint64_t seed, const std::function<int64_t(Random&)>& cluster) {
  const Points centres = normal(count, width, 999, apart);
  Points values = normal(rows, width, seed, scale);
  Random random({seed, Purpose("which cluster")});
  for (int64_t row = 0; row < rows; ++row) {
    const auto of = static_cast<size_t>(cluster(random) * width);
    for (size_t j = 0; j < static_cast<size_t>(width); ++j)
      values[static_cast<size_t>(row * width) + j] += centres[of + j];
  }
  return values;
}

int64_t any_of(Random& random, int64_t count) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(count)));
}

TEST(PlantedDiagnosis, EqualDistributionsAreHealthyInAnyDimensionAndWithHeavyTails) {
  for (const int64_t width : {2, 16, 64}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Found found =
          diagnosed(normal(500, width, 2 * seed), normal(500, width, 2 * seed + 1), width);
      EXPECT_EQ(found.state, State::healthy) << found.reason;
      EXPECT_THAT(found.reason, ::testing::HasSubstr("would have been found (99 %"));
      // A ratio of normals: Cauchy.
      Points a = normal(500, width, 100 + seed);
      Points b = normal(500, width, 200 + seed);
      const Points c = normal(500, width, 300 + seed);
      for (size_t i = 0; i < a.size(); ++i) {
        a[i] /= c[(i + 7) % c.size()] + 1e-6F;
        b[i] /= c[(i + 1000) % c.size()] + 1e-6F;
      }
      const Found tails = diagnosed(a, b, width);
      EXPECT_EQ(tails.state, State::healthy) << tails.reason;
    }
  }
}

TEST(PlantedDiagnosis, SamplesMadeTooNarrowAreNamedWhereAllDistancesAreAlike) {
  const Found found = diagnosed(normal(1000, 64, 1), normal(1000, 64, 2, 0.3), 64);
  EXPECT_NE(found.state, State::healthy);
  EXPECT_EQ(found.kind, "within_mode_collapse") << found.reason;
  EXPECT_TRUE(found.lost.empty());
  const Found a_little = diagnosed(normal(1000, 64, 1), normal(1000, 64, 2, 0.95), 64);
  EXPECT_EQ(a_little.state, State::healthy) << a_little.reason;
}

TEST(PlantedDiagnosis, ModesAtHalfOfTheirWidthAreNarrowAndNotLost) {
  const auto ring = [](Random& random) { return any_of(random, 8); };
  const Found found =
      diagnosed(clusters(2000, 2, 8, 3, 0.02, 1, ring), clusters(2000, 2, 8, 3, 0.01, 2, ring), 2);
  EXPECT_EQ(found.state, State::at_risk) << found.reason;
  EXPECT_EQ(found.kind, "within_mode_collapse") << found.reason;
}

TEST(PlantedDiagnosis, OneOfFortyClustersIsFoundWithoutLabelsAndItsShareIsRight) {
  for (const int64_t width : {2, 16}) {
    const double scale = width == 2 ? 0.3 : 1;
    const double apart = width == 2 ? 8 : 3;
    const Points reals = clusters(4000, width, 40, apart, scale, 1,
                                  [](Random& random) { return any_of(random, 40); });
    const Found found = diagnosed(reals,
                                  clusters(4000, width, 40, apart, scale, 2,
                                           [](Random& random) { return any_of(random, 39); }),
                                  width);
    EXPECT_EQ(found.kind, "mode_dropping") << found.reason;
    ASSERT_EQ(found.lost.size(), 1U) << found.reason;
    EXPECT_THAT(found.reason, ::testing::ContainsRegex("samples lack [23]\\.[0-9] % of the data"));
  }
}

TEST(PlantedDiagnosis, HalfOfTheDataIsACollapseAndTheSameOnAnyNumberOfRanks) {
  const Points reals =
      clusters(1000, 8, 10, 3, 0.5, 1, [](Random& random) { return any_of(random, 10); });
  const Points fakes =
      clusters(1000, 8, 10, 3, 0.5, 2, [](Random& random) { return any_of(random, 5); });
  const Found found = diagnosed(reals, fakes, 8);
  EXPECT_EQ(found.state, State::collapsed) << found.reason;
  EXPECT_EQ(found.kind, "mode_dropping");
  for (const int ranks : {2, 3})
    EXPECT_EQ(diagnosed(reals, fakes, 8, {}, 0, ranks).reason, found.reason);
}

TEST(PlantedDiagnosis, TheRealsThemselvesAreMemorizedAndNearCopiesToo) {
  const Points reals = normal(1000, 16, 1);
  const Found same = diagnosed(reals, reals, 16);
  EXPECT_EQ(same.state, State::at_risk);
  EXPECT_EQ(same.kind, "memorized") << same.reason;
  // One in ten, moved by a little.
  Points fakes = normal(1000, 16, 2);
  for (size_t i = 0; i < 100 * 16; ++i) fakes[i] = reals[i] + 0.01F * fakes[i];
  EXPECT_EQ(diagnosed(reals, fakes, 16).kind, "memorized");
}

TEST(PlantedDiagnosis, NoiseIsUnformedAndNotLost) {
  const auto ten = [](Random& random) { return any_of(random, 10); };
  const Found found =
      diagnosed(clusters(1000, 16, 10, 2, 0.3, 1, ten), clusters(1000, 16, 10, 2, 0.9, 2, ten), 16);
  EXPECT_EQ(found.state, State::at_risk);
  EXPECT_EQ(found.kind, "unformed") << found.reason;
  EXPECT_TRUE(found.lost.empty());
}

TEST(PlantedDiagnosis, OneSampleRepeatedIsDuplicates) {
  const Points one = normal(1, 8, 5);
  Points fakes;
  for (int i = 0; i < 400; ++i) fakes.insert(fakes.end(), one.begin(), one.end());
  const Found found = diagnosed(normal(400, 8, 6), fakes, 8);
  EXPECT_EQ(found.state, State::collapsed);
  EXPECT_EQ(found.kind, "duplicates") << found.reason;
}

TEST(PlantedDiagnosis, APointThatTheDataRepeatsIsNothingLost) {
  Points reals = normal(1000, 2, 1);
  Points fakes = normal(1000, 2, 2);
  const Points aside = normal(200, 2, 3, 1e-3);
  for (size_t i = 0; i < 400; ++i) {
    reals[i] = 1.5F;
    fakes[i] = 1.5F + aside[i];
  }
  const Found found = diagnosed(reals, fakes, 2);
  EXPECT_NE(found.kind, "mode_dropping") << found.reason;
  EXPECT_NE(found.kind, "mode_imbalance") << found.reason;
}

TEST(PlantedDiagnosis, LabelsOfAsManyRealsRaiseNoAlarm) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    std::vector<int64_t> labels;
    const Points reals = clusters(300, 16, 100, 3, 0.1, 10 + seed, [&](Random& random) {
      labels.push_back(any_of(random, 100));
      return labels.back();
    });
    const Points fakes = clusters(300, 16, 100, 3, 0.1, 20 + seed,
                                  [](Random& random) { return any_of(random, 100); });
    const Found found = diagnosed(reals, fakes, 16, labels, 100);
    EXPECT_EQ(found.kind, "too_few_samples") << found.reason;  // and nothing else
  }
}

TEST(PlantedDiagnosis, AFewOutliersThatAreNotMadeDoNotSetTheScale) {
  Points reals = normal(1000, 8, 1);
  for (size_t i = 0; i < 10 * 8; ++i) reals[i] *= 1000;
  const Found found = diagnosed(reals, normal(1000, 8, 2), 8);
  EXPECT_NE(found.state, State::collapsed);
  EXPECT_NE(found.kind, "duplicates") << found.reason;
}

// As few of either would be too few to say that nothing is lost; the larger set makes up for it.
TEST(PlantedDiagnosis, AllRowsOfUnequalSetsAreUsedWhicheverIsTheLarger) {
  const auto ten = [](Random& random) { return any_of(random, 10); };
  const auto nine = [](Random& random) { return any_of(random, 9); };
  for (const auto& [reals, fakes] : {std::pair<int64_t, int64_t>{2000, 350}, {450, 2000}}) {
    const Points real = clusters(reals, 16, 10, 3, 0.5, 1, ten);
    const Found lost = diagnosed(real, clusters(fakes, 16, 10, 3, 0.5, 2, nine), 16);
    EXPECT_EQ(lost.kind, "mode_dropping") << reals << ", " << fakes << ": " << lost.reason;
    EXPECT_THAT(lost.json, ::testing::HasSubstr("\"reals\": " + std::to_string(reals)));
    EXPECT_THAT(lost.json, ::testing::HasSubstr("\"samples\": " + std::to_string(fakes)));
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const Found equal = diagnosed(clusters(reals, 16, 10, 3, 0.5, 10 + seed, ten),
                                    clusters(fakes, 16, 10, 3, 0.5, 20 + seed, ten), 16);
      EXPECT_EQ(equal.kind, "none") << reals << ", " << fakes << ": " << equal.reason;
    }
  }
}

TEST(PlantedDiagnosis, TooFewSamplesAreSaidToBeThatAndNotHealthy) {
  for (const int64_t rows : {6, 10, 20, 150, 300}) {
    const Found found = diagnosed(normal(rows, 2, 1), normal(rows, 2, 2), 2);
    EXPECT_EQ(found.state, State::at_risk) << rows;
    EXPECT_EQ(found.kind, "too_few_samples") << found.reason;
  }
}

// A plane with noise, and a decoder's means, which lie on the plane without it.
TEST(PlantedDiagnosis, MeansOfADecoderAreNoDuplicates) {
  const Points axes = normal(2, 16, 77, 2);
  const auto plane = [&](double noise, uint64_t seed) {
    Points values = normal(1000, 16, seed, noise);
    const Points at = normal(1000, 2, seed + 1);
    for (size_t row = 0; row < 1000; ++row)
      for (size_t j = 0; j < 16; ++j)
        values[row * 16 + j] += at[2 * row] * axes[j] + at[2 * row + 1] * axes[16 + j];
    return values;
  };
  const Found found = diagnosed(plane(0.3, 1), plane(0, 5), 16);
  EXPECT_NE(found.kind, "duplicates") << found.reason;
  EXPECT_NE(found.state, State::collapsed) << found.reason;
  EXPECT_TRUE(found.lost.empty());
}

// Twenty rows, each with noise: what lies on the data, and where, is then that of twenty.
TEST(PlantedDiagnosis, TwentyThingsWithNoiseAreFewThingsAndNoneAmongGroupsThatTheDataHave) {
  const auto group = [](Random& random) { return any_of(random, 10); };
  for (const double noise : {0.05, 0.1}) {
    for (const bool grouped : {false, true}) {
      const auto rows = [&](int64_t count, uint64_t seed) {
        return grouped ? clusters(count, 16, 10, 1.5, 0.5, seed, group) : normal(count, 16, seed);
      };
      const Points things = rows(20, 3);
      Points fakes = normal(600, 16, 4, noise);
      for (size_t row = 0; row < 600; ++row)
        for (size_t j = 0; j < 16; ++j) fakes[row * 16 + j] += things[row % 20 * 16 + j];
      const Found found = diagnosed(rows(600, 1), fakes, 16);
      EXPECT_EQ(found.kind, "within_mode_collapse") << found.reason;
      EXPECT_EQ(found.state, State::collapsed) << found.reason;
    }
  }
  // Clumps that the data have too are theirs.
  const Found equal =
      diagnosed(clusters(600, 16, 20, 3, 0.05, 1, [](Random& r) { return any_of(r, 20); }),
                clusters(600, 16, 20, 3, 0.05, 2, [](Random& r) { return any_of(r, 20); }), 16);
  EXPECT_EQ(equal.state, State::healthy) << equal.reason;
}

TEST(PlantedDiagnosis, AGroupAtAThirdOfItsShareIsShortOfSamplesWithLabelsAndWithout) {
  Random random({8, Purpose("labels")});
  std::vector<int64_t> labels;
  const auto real_group = [&](Random& r) {
    labels.push_back(any_of(r, 10));
    return labels.back();
  };
  const Points reals = clusters(1600, 16, 10, 1.5, 0.5, 1, real_group);
  const auto rare = [](Random& r) {
    int64_t group = any_of(r, 10);
    if (group == 5 && any_of(r, 3) > 0) group = (5 + 1 + any_of(r, 9)) % 10;
    return group;
  };
  const Points fakes = clusters(1600, 16, 10, 1.5, 0.5, 2, rare);
  EXPECT_EQ(diagnosed(reals, fakes, 16).kind, "mode_imbalance");
  const Found labelled = diagnosed(reals, fakes, 16, labels, 10);
  EXPECT_EQ(labelled.kind, "mode_imbalance");
  EXPECT_THAT(labelled.reason, ::testing::HasSubstr("(5)"));
}

// Drawn with replacement, so that a fifth of them equal another one: for that reason alone.
TEST(PlantedDiagnosis, RealsThatAreHandedBackAtRandomAreMemorizedAndNoDuplicates) {
  const Points reals = normal(500, 8, 1);
  Points fakes = normal(500, 8, 2);
  Random random({3, Purpose("handed back")});
  for (size_t row = 0; row < 250; ++row) {
    const auto from = static_cast<size_t>(any_of(random, 500));
    for (size_t j = 0; j < 8; ++j) fakes[row * 8 + j] = reals[from * 8 + j];
  }
  EXPECT_EQ(diagnosed(reals, fakes, 8).kind, "memorized");
  for (size_t row = 0; row < 250; ++row)  // five of them, again and again
    for (size_t j = 0; j < 8; ++j) fakes[row * 8 + j] = reals[row % 5 * 8 + j];
  EXPECT_EQ(diagnosed(reals, fakes, 8).kind, "duplicates");
}

// The data repeat a point; narrow samples repeat it elsewhere.
TEST(PlantedDiagnosis, NarrowSamplesOfDataThatRepeatAPointAreNarrow) {
  const auto rows = [](uint64_t seed, float width) {
    Points values = normal(500, 30, seed);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = width * (i / 30 % 10 == 0 ? 0.5F : values[i]);
    return values;
  };
  EXPECT_EQ(diagnosed(rows(1, 1), rows(2, 0.5F), 30).kind, "within_mode_collapse");
}

// Rows of a table of which there are few different ones, each some five times in either set: that a
// fake equals a real says no more than that a real equals another one.
TEST(PlantedDiagnosis, RowsThatBothSetsRepeatAreNotCopied) {
  const auto table = [](int64_t different, uint64_t seed) {
    const Points kinds = normal(different, 6, 777);
    Points rows;
    Random random({seed, Purpose("rows of a table")});
    for (int i = 0; i < 600; ++i) {
      const auto first = kinds.begin() + 6 * any_of(random, different);
      rows.insert(rows.end(), first, first + 6);
    }
    return rows;
  };
  for (const int64_t different : {75, 120, 600})
    for (uint64_t seed = 0; seed < 2; ++seed) {
      const Found found = diagnosed(table(different, 2 * seed), table(different, 2 * seed + 1), 6);
      EXPECT_EQ(found.state, State::healthy) << different << " kinds: " << found.reason;
    }
  // Ten of 600 different reals, each made 60 times.
  const Points reals = normal(600, 6, 1);
  Points copies;
  for (int i = 0; i < 600; ++i)
    copies.insert(copies.end(), reals.begin() + 6 * (i % 10), reals.begin() + 6 * (i % 10) + 6);
  EXPECT_THAT(diagnosed(reals, copies, 6).json, ::testing::HasSubstr("memor"));
}

// One of `count` a row, the k-th 1 / (k + 1) as often as the first; those from `made` on never.
Points categories(int64_t rows, int64_t count, int64_t made, uint64_t seed) {
  Random random({seed, Purpose("categories")});
  std::vector<double> until;
  for (int64_t k = 0; k < made; ++k)
    until.push_back((until.empty() ? 0 : until.back()) + 1 / static_cast<double>(k + 1));
  Points values(static_cast<size_t>(rows * count), 0);
  for (int64_t row = 0; row < rows; ++row) {
    const auto at = std::ranges::upper_bound(until, random.uniform() * until.back());
    values[static_cast<size_t>(row * count + std::min(at - until.begin(), made - 1))] = 1;
  }
  return values;
}

TEST(PlantedDiagnosis, CategoriesAreHealthyAndOneThatIsNotMadeIsLost) {
  const Found equal = diagnosed(categories(2500, 40, 40, 1), categories(2500, 40, 40, 2), 40);
  EXPECT_EQ(equal.state, State::healthy) << equal.reason;
  const Found lost = diagnosed(categories(1500, 8, 8, 1), categories(1500, 8, 7, 2), 8);
  EXPECT_EQ(lost.kind, "mode_dropping") << lost.reason;
}

TEST(PlantedDiagnosis, RowsOfWhichMostAreEqualHaveADiversityAndNoneWhereAFewDiffer) {
  const auto mostly_zero = [](uint64_t seed, double share) {
    Points values = normal(600, 3, seed);
    Random random({seed, Purpose("mostly zero")});
    for (int64_t row = 0; row < 600; ++row)
      if (random.uniform() < share) std::fill_n(values.begin() + 3 * row, 3, 0.0F);
    return values;
  };
  const Found most = diagnosed(mostly_zero(1, 0.75), mostly_zero(2, 0.75), 3);
  EXPECT_EQ(most.state, State::healthy) << most.reason;
  EXPECT_THAT(most.reason, ::testing::HasSubstr("diversity"));
  const Found few = diagnosed(mostly_zero(1, 0.99), Points(1800, 0), 3);
  EXPECT_EQ(few.state, State::healthy) << few.reason;
  EXPECT_THAT(few.reason, ::testing::Not(::testing::HasSubstr("diversity")));
  EXPECT_THAT(few.json, ::testing::HasSubstr("\"diversity\": null"));
  // Rows that all differ have one, however few they are.
  const Found small = diagnosed(normal(20, 4, 1), normal(20, 4, 2), 4);
  EXPECT_THAT(small.json, ::testing::Not(::testing::HasSubstr("\"diversity\": null")));
}

}  // namespace
}  // namespace allmodes::diagnosis
