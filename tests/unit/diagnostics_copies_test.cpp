// Exact copies and near-duplicates among samples, beside those of the data.

#include "diagnostics/statistics/copies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/modes/class_spread.h"
#include "diagnostics/modes/comparison.h"
#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {
namespace {

// Levels for one evaluation, which nothing could confirm.
config::Verdict once() {
  config::Verdict levels;
  levels.confirmations = 1;
  return levels;
}

std::vector<float> noise(uint64_t seed, int64_t rows, int64_t width) {
  std::vector<float> values(static_cast<size_t>(rows * width));
  fill_normal({.seed = seed, .purpose = Purpose("copies")}, 0, rows, width, values.data());
  return values;
}

// Rows i < copies are row 0.
std::vector<float> with_copies(std::vector<float> values, int64_t width, int64_t copies) {
  for (int64_t i = 1; i < copies; ++i)
    std::copy_n(values.begin(), width, values.begin() + i * width);
  return values;
}

Copies copies_of(const std::vector<float>& values, int64_t width) {
  return count_copies(row_hashes(values, width));
}

Verdict judged(const std::vector<float>& samples, const std::vector<float>& reals) {
  return judge({.step = 1, .copies = CopyFigures{copies_of(samples, 3), copies_of(reals, 3)}}, {},
               once());
}

// Rows of the values 0 .. 2^bits - 1, whose bits are set with rising probabilities.
std::vector<uint64_t> flags(int64_t rows, int bits, uint64_t seed) {
  Random random({seed, Purpose("flags")});
  std::vector<uint64_t> found;
  for (int64_t row = 0; row < rows; ++row) {
    uint64_t value = 0;
    for (int bit = 0; bit < bits; ++bit)
      value |= uint64_t{random.uniform() < 0.1 + 0.4 * bit / bits ? 1U : 0U} << bit;
    found.push_back(value);
  }
  return found;
}

TEST(CopiedRows, AreCountedOnceTheDataHaveThemNotAgainAndAgain) {
  const CopiedRows found = copied_rows({1, 2, 3, 3, 4, 5}, {1, 1, 3, 6, 7, 8});
  EXPECT_EQ(found.copied, 3);
  EXPECT_EQ(found.different, 2);
  EXPECT_EQ(found.repeated, 2);
  // As often as of ten reals: the data's own where two of them are that row.
  std::vector<uint64_t> reals(20);
  std::iota(reals.begin(), reals.end(), uint64_t{1});
  const std::vector<uint64_t> one(20, 1);
  EXPECT_EQ(copied_rows(reals, one).copied, 20);
  reals[7] = 1;
  EXPECT_EQ(copied_rows(reals, one).copied, 0);
}

// Of 600 equal pairs at 0.05, 30 are expected; 48 have a chance of 1e-3.
TEST(CopiedRows, OfEqualSetsAreSignificantNoMoreOftenThanTheLevel) {
  int64_t alarms = 0;
  for (uint64_t turn = 0; turn < 100; ++turn)
    for (const int bits : {8, 12, 16})
      for (const auto& [reals, fakes] : {std::pair{1000, 1000}, std::pair{500, 2000}})
        alarms += copied_rows(flags(reals, bits, 2 * turn), flags(fakes, bits, 2 * turn + 1))
                              .log10_tail <= std::log10(0.05)
                      ? 1
                      : 0;
  EXPECT_LT(alarms, 48);
}

TEST(CopiedRows, OneInTwentyThatIsARealIsFoundAmongDiscreteRows) {
  for (uint64_t turn = 0; turn < 20; ++turn) {
    const auto reals = flags(1000, 24, 2 * turn);
    auto fakes = flags(1000, 24, 2 * turn + 1);
    std::copy_n(reals.begin(), 50, fakes.begin());
    EXPECT_LT(copied_rows(reals, fakes).log10_tail, -4) << turn;
  }
}

TEST(Copies, AreRowsThatEqualAnotherOneAsPlainComparisonFindsThem) {
  // Of few numbers, so that rows of two meet by chance.
  Random random({.seed = 1, .purpose = Purpose("lattice")});
  std::vector<float> values;
  for (int i = 0; i < 400; ++i) values.push_back(static_cast<float>(random.below(12)));
  int64_t copies = 0, repeats = 0;
  for (size_t i = 0; i < 200; ++i) {
    bool other = false, earlier = false;
    for (size_t j = 0; j < 200; ++j) {
      const bool equal =
          values[2 * i] == values[2 * j] && values[2 * i + 1] == values[2 * j + 1] && i != j;
      other = other || equal;
      earlier = earlier || (equal && j < i);
    }
    copies += other ? 1 : 0;
    repeats += earlier ? 1 : 0;
  }
  ASSERT_GT(repeats, 10);
  EXPECT_EQ(copies_of(values, 2).samples, 200);
  EXPECT_EQ(copies_of(values, 2).copies, copies);
  EXPECT_EQ(copies_of(values, 2).repeats, repeats);
  EXPECT_EQ(copies_of({0.0F, -0.0F}, 1).copies, 2);
  EXPECT_EQ(copies_of({}, 1).copies, 0);
  EXPECT_THROW(row_hashes(values, 3), Error);
}

TEST(Copies, TailIsThatOfTheRepeatsBeingSharedOut) {
  // As many of either: each repeat falls on the samples with probability 1/2.
  CopyFigures figures{{.samples = 1000, .copies = 11, .repeats = 10},
                      {.samples = 1000, .copies = 0, .repeats = 0}};
  EXPECT_NEAR(copies_log10_tail(figures), -10 * std::log10(2.0), 1e-9);
  figures.of_reals = {.samples = 1000, .copies = 4, .repeats = 2};
  // P(X >= 10 of 12) = (66 + 12 + 1) / 2^12
  EXPECT_NEAR(copies_log10_tail(figures), std::log10(79.0 / 4096), 1e-9);
  EXPECT_NEAR(copies_excess(figures), 0.007, 1e-12);
  figures.of_samples = {.samples = 1000, .copies = 0, .repeats = 0};
  EXPECT_EQ(copies_log10_tail(figures), 0);
  // Half as many reals: pairs among them are a quarter as many, which counts against an alarm.
  const CopyFigures fewer{{.samples = 1000, .copies = 2, .repeats = 1},
                          {.samples = 500, .copies = 0, .repeats = 0}};
  EXPECT_NEAR(copies_log10_tail(fewer), std::log10(0.8), 1e-9);
}

TEST(Copies, OneInAHundredIsARiskAndOneInTenACollapse) {
  const auto reals = noise(1, 2000, 3);
  EXPECT_EQ(judged(noise(2, 2000, 3), reals).state, State::healthy);
  const Verdict risk = judged(with_copies(noise(2, 2000, 3), 3, 20), reals);
  EXPECT_EQ(risk.state, State::at_risk);
  EXPECT_EQ(risk.kind, "duplicates");
  const Verdict collapse = judged(with_copies(noise(2, 2000, 3), 3, 201), reals);
  EXPECT_EQ(collapse.state, State::collapsed) << collapse.reason;
  EXPECT_TRUE(
      collapse.reason.starts_with("201 of 2000 samples equal another one; of 2000 real "
                                  "ones 0 do"))
      << collapse.reason;
}

TEST(Copies, OfTheDataAreNoFaultOfTheGenerator) {
  // A fifth of the data is one point, and of the samples as well.
  const auto reals = with_copies(noise(3, 2000, 3), 3, 400);
  EXPECT_EQ(judged(with_copies(noise(4, 2000, 3), 3, 410), reals).state, State::healthy);
  EXPECT_EQ(judged(noise(4, 2000, 3), reals).state, State::healthy);
  EXPECT_EQ(judged(with_copies(noise(4, 2000, 3), 3, 700), reals).state, State::collapsed);
}

FeatureRows rows_of(std::vector<float> features, int64_t width) {
  const auto rows = features.size() / static_cast<size_t>(width);
  return {.width = width, .features = std::move(features), .modes = std::vector<int64_t>(rows, 0)};
}

TEST(NearDuplicates, OfEqualDistributionsAreOneInAHundred) {
  const Reference reference = make_reference(rows_of(noise(5, 4000, 4), 4), 1);
  double sum = 0;
  for (uint64_t repeat = 0; repeat < 10; ++repeat)
    sum += near_duplicates(rows_of(noise(10 + repeat, 2000, 4), 4), reference);
  // Pairs, so that the deviation of a share is about sqrt(2 * 0.01 / 2000); the reference has its
  // own as well.
  EXPECT_NEAR(sum / 10, 0.01, 4 * std::sqrt(0.02 / 2000));
}

TEST(NearDuplicates, AddTheShareOfOneSampleThatIsRepeatedWithNoise) {
  const Reference reference = make_reference(rows_of(noise(5, 4000, 4), 4), 1);
  auto samples = noise(6, 2000, 4);
  const double before = near_duplicates(rows_of(samples, 4), reference);
  const auto small = noise(7, 200, 4);
  for (size_t i = 0; i < small.size(); ++i) samples[i] = samples[i % 4] + 1e-4F * small[i];
  EXPECT_NEAR(near_duplicates(rows_of(samples, 4), reference), 0.1 + 0.9 * before, 0.01);
  const auto one = with_copies(samples, 4, 2000);
  EXPECT_EQ(near_duplicates(rows_of(one, 4), reference), 1);
}

TEST(NearDuplicates, AreThoseOfPlainLoopsOverAllPairs) {
  const Reference reference = make_reference(rows_of(noise(5, 4000, 4), 4), 1);
  auto samples = noise(9, 1500, 4);
  for (size_t i = 0; i < 400; ++i) samples[i] = samples[i + 400] + 0.01F * samples[i];
  samples[4 * 700] = NAN;
  const auto rows = rows_of(samples, 4);
  const double scale =
      distance_ratio(rows_of(std::vector<float>(samples.begin(), samples.end()), 4), reference,
                     {.seed = 1, .purpose = Purpose("distance ratio")});
  ASSERT_TRUE(std::isnan(scale));  // of a NaN among the samples nothing is said
  EXPECT_TRUE(std::isnan(near_duplicates(rows, reference)));
  samples[4 * 700] = 0;
  const auto finite = rows_of(samples, 4);
  const double ratio =
      distance_ratio(finite, reference, {.seed = 1, .purpose = Purpose("distance ratio")});
  const auto limit = static_cast<float>(ratio * ratio * double(reference.near_square));
  int64_t near = 0;
  for (size_t i = 0; i < 1500; ++i) {
    bool found = false;
    for (size_t j = 0; j < 1500; ++j) {
      float square = 0;
      for (size_t d = 0; d < 4; ++d) {
        const float difference = samples[4 * i + d] - samples[4 * j + d];
        square += difference * difference;
      }
      found = found || (i != j && square <= limit);
    }
    near += found ? 1 : 0;
  }
  ASSERT_GT(near, 50);
  EXPECT_EQ(near_duplicates(finite, reference), double(near) / 1500);
}

TEST(NearDuplicates, DoNotDependOnTheScaleOfTheSamples) {
  const Reference reference = make_reference(rows_of(noise(5, 4000, 4), 4), 1);
  auto samples = noise(8, 2000, 4);
  const double before = near_duplicates(rows_of(samples, 4), reference);
  for (float& value : samples) value *= 0.5F;
  EXPECT_EQ(near_duplicates(rows_of(samples, 4), reference), before);
}

TEST(NearDuplicates, OfTenInAHundredSamplesAreARiskAndOfMostACollapseWithASecondWitness) {
  const CalibratedFigure figure{"near_duplicates", 0.11, 0.01, -9};
  EXPECT_EQ(judge({.step = 1, .calibrated = {figure}}, {}, once()).state, State::at_risk);
  CalibratedFigure most = figure;
  most.value = 0.7;
  Evidence evidence{.step = 1, .calibrated = {most}};
  EXPECT_EQ(judge(evidence, {}, once()).kind, "duplicates");
  config::Verdict one = once();
  one.witnesses = 1;
  EXPECT_EQ(judge(evidence, {}, one).state, State::collapsed);
  most.value = 0.05;  // significant, and too few to matter
  EXPECT_EQ(judge({.step = 1, .calibrated = {most}}, {}, once()).state, State::healthy);
}

TEST(ClassSpread, IsHalfTheMeanSquaredDistanceOfTwoOfAClassAndAddsOverParts) {
  const auto values = noise(9, 90, 5);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 90; ++i) labels.push_back(i % 4 == 3 ? 2 : i % 3);
  ClassSums sums = make_class_sums(4, 5);
  add(sums, std::span(values).first(35 * 5), std::span(labels).first(35));
  add(sums, std::span(values).subspan(35 * 5), std::span(labels).subspan(35));
  const auto variances = class_variances(sums);
  for (int64_t k = 0; k < 3; ++k) {
    double squares = 0, pairs = 0;
    for (size_t i = 0; i < 90; ++i)
      for (size_t j = 0; j < i; ++j) {
        if (labels[i] != k || labels[j] != k) continue;
        for (size_t d = 0; d < 5; ++d)
          squares += std::pow(double(values[i * 5 + d]) - double(values[j * 5 + d]), 2);
        ++pairs;
      }
    EXPECT_NEAR(variances[static_cast<size_t>(k)], squares / pairs / 2, 1e-9);
  }
  EXPECT_TRUE(std::isnan(variances[3]));  // of no sample
  const auto spread = spread_of_classes(std::vector<double>{1, 0, 3}, std::vector<double>{2, 4, 0});
  EXPECT_EQ(spread[0], 0.5);
  EXPECT_EQ(spread[1], 0);
  EXPECT_TRUE(std::isnan(spread[2]));
  EXPECT_THROW(add(sums, std::span(values).first(5), std::vector<int64_t>{4}), Error);
}

TEST(RareModes, RecallCountsWhatTheyShouldHaveAndNotWhatAnotherHasTooMuch) {
  // Of 1,000 samples 900, 60 and 40 are expected; the last two are rare.
  const ModeHistogram histogram{{"a", "b", "c"}, {0.9, 0.06, 0.04}, {880, 110, 10}, 1000};
  EXPECT_EQ(rare_modes(histogram), (std::vector<int64_t>{1, 2}));
  EXPECT_DOUBLE_EQ(recall_of_modes(histogram, {1, 2}), (60 + 10) / 100.0);
  EXPECT_DOUBLE_EQ(recall_of_modes(histogram, {1}), 1);
  const ModeHistogram equal{{"a", "b"}, {0.5, 0.5}, {1, 1}, 2};
  EXPECT_TRUE(rare_modes(equal).empty());
  EXPECT_THROW(recall_of_modes(equal, {}), Error);
}

TEST(RareModes, RecallOfAPerfectSamplerIsTheStatedOne) {
  const double p = 0.02;
  double sum = 0;
  constexpr int kRepeats = 400;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    Random random({.seed = 3, .purpose = Purpose("rare"), .step = uint64_t(repeat)});
    ModeHistogram histogram{{"a", "b"}, {1 - p, p}, {0, 0}, 2000};
    for (int i = 0; i < 2000; ++i) ++histogram.observed[random.uniform() < p ? 1 : 0];
    sum += recall_of_modes(histogram, {1});
  }
  const double expected = 2000 * p;
  const double deviation = std::sqrt(expected * (1 - p));
  EXPECT_NEAR(sum / kRepeats, 1 - deviation / std::sqrt(2 * M_PI) / expected,
              4 * deviation / expected / std::sqrt(double(kRepeats)));
}

}  // namespace
}  // namespace allmodes::diagnostics
