// Places with too few samples, as evidence of a run whose data are no mixture.

#include "diagnostics/metrics/place_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "diagnostics/verdict/comparison_evidence.h"
#include "diagnostics/verdict/witnesses.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kPlaceWidth = 8;
constexpr int64_t kPartWidth = 4;
constexpr double kSignificance = 0.001;

// Five groups on a circle of radius 3 in eight dimensions, of deviation 0.3: rows of the groups
// from `skip` on, one after the other.
std::vector<float> five_groups(int64_t rows, uint64_t seed, int64_t skip = 0) {
  std::vector<float> values(static_cast<size_t>(rows * kPlaceWidth));
  fill_normal({seed, Purpose("five groups")}, 0, rows, kPlaceWidth, values.data());
  for (int64_t row = 0; row < rows; ++row) {
    const double angle = 0.4 * M_PI * static_cast<double>(skip + row % (5 - skip));
    float* value = values.data() + row * kPlaceWidth;
    for (int64_t i = 0; i < kPlaceWidth; ++i) value[i] *= 0.3F;
    value[0] += static_cast<float>(3 * std::cos(angle));
    value[1] += static_cast<float>(3 * std::sin(angle));
  }
  return values;
}

// The leading columns, in which parts are looked for.
std::vector<float> leading(const std::vector<float>& rows, int64_t width = kPartWidth) {
  std::vector<float> leading;
  for (size_t i = 0; i < rows.size(); ++i)
    if (static_cast<int64_t>(i) % kPlaceWidth < width) leading.push_back(rows[i]);
  return leading;
}

Comparison comparison_of(const std::vector<float>& reals, int64_t width = kPartWidth) {
  Comparison comparison;
  comparison.names = {"the data"};
  comparison.reference.parts = make_part_reference({leading(reals, width), width});
  return comparison;
}

// As in training: all that is said of `samples` beside `reals` by parts and by places.
Evidence evidence_of_run(const std::vector<float>& reals, const std::vector<float>& samples,
                         int ranks = 1, uint64_t seed = 1, int64_t part_width = kPartWidth) {
  Evidence evidence{.step = 1000};
  const Features fakes{samples, kPlaceWidth};
  const auto compared_values = leading(samples, part_width);
  const Features compared{compared_values, part_width};
  const Comparison comparison = comparison_of(reals, part_width);
  const PlaceReference places{reals, kPlaceWidth};
  testing::run_ranks(ranks, [&](world::Communicator& communicator) {
    Evidence found{.step = 1000};
    found.parts = find_parts(*comparison.reference.parts, compared, parts_level(kSignificance));
    add_places_of_run(communicator, places, fakes, comparison, compared, kSignificance, seed,
                      found);
    if (communicator.rank() == communicator.size() - 1) evidence = std::move(found);
  });
  return evidence;
}

TEST(PlaceEvidence, AGroupThatIsGoneIsAPlaceOfItsShareOnAnyNumberOfRanks) {
  const auto reals = five_groups(1000, 1);
  const auto samples = five_groups(400, 2, 1);
  const Evidence alone = evidence_of_run(reals, samples);
  const CalibratedFigure* loss = calibrated_figure(alone, "local_loss");
  ASSERT_NE(loss, nullptr);
  EXPECT_NEAR(loss->value, 0.2, 0.01);
  EXPECT_LT(loss->log10_tail, -6);
  // Of as many reals as there are samples, the first of them.
  ASSERT_TRUE(alone.emptied);
  EXPECT_NEAR(alone.emptied->part.share, 0.2, 0.01);
  EXPECT_LT(alone.emptied->part.made, 0.005);
  for (const int64_t row : alone.emptied->part.reals) EXPECT_EQ(row % 5, 0) << row;
  // Samples that are moved to the data's mean and stretched do not fill it.
  ASSERT_TRUE(alone.local_loss_when_moved);
  EXPECT_GT(*alone.local_loss_when_moved, 0.1);
  EXPECT_EQ(calibrated_figure(alone, "recall"), nullptr);
  for (const int ranks : {2, 3}) {
    const Evidence split = evidence_of_run(reals, samples, ranks);
    ASSERT_EQ(split.calibrated.size(), alone.calibrated.size());
    for (size_t i = 0; i < alone.calibrated.size(); ++i) {
      EXPECT_EQ(split.calibrated[i].name, alone.calibrated[i].name);
      EXPECT_EQ(split.calibrated[i].value, alone.calibrated[i].value);
      EXPECT_EQ(split.calibrated[i].log10_tail, alone.calibrated[i].log10_tail);
    }
    EXPECT_EQ(split.local_loss_when_moved, alone.local_loss_when_moved);
  }
}

// 1.2 % of the data, far from the rest; and the rim of groups that are made narrower, which is as
// much.
TEST(PlaceEvidence, ASmallGroupLiesApartAndARimDoesNot) {
  auto reals = five_groups(4000, 1);
  for (int64_t row = 0; row < 48; ++row) reals[static_cast<size_t>(row * 80 * kPlaceWidth)] += 12;
  const Evidence lacking = evidence_of_run(reals, five_groups(4000, 2));
  ASSERT_TRUE(lacking.emptied);
  EXPECT_NEAR(lacking.emptied->apart, 0.012, 0.0005);
  EXPECT_TRUE(loses_a_group_apart(lacking));
  EXPECT_EQ(judge(lacking, {}, config::Verdict{}).kind, "mode_dropping");
  auto narrow = five_groups(4000, 2);
  for (int64_t row = 0; row < 4000; ++row)
    for (int64_t i = 2; i < kPlaceWidth; ++i)
      narrow[static_cast<size_t>(row * kPlaceWidth + i)] *= 0.9F;
  const Evidence rim = evidence_of_run(five_groups(4000, 1), narrow);
  ASSERT_TRUE(rim.emptied);
  EXPECT_FALSE(loses_a_group_apart(rim)) << rim.emptied->apart << rim.emptied->part.share;
}

TEST(PlaceEvidence, AGroupAtAThirdOfItsShareIsAShortage) {
  const auto reals = five_groups(1500, 1);
  std::vector<float> samples;
  int64_t turn = 0;
  const auto all = five_groups(1800, 2);
  for (int64_t row = 0; row < 1800; ++row)
    if (row % 5 != 0 || turn++ % 3 == 0)
      samples.insert(samples.end(), all.begin() + row * kPlaceWidth,
                     all.begin() + (row + 1) * kPlaceWidth);
  const Evidence found = evidence_of_run(reals, samples);
  const CalibratedFigure* shortage = calibrated_figure(found, "local_shortage");
  ASSERT_NE(shortage, nullptr);
  EXPECT_NEAR(shortage->value, 0.2 - 0.0769, 0.02);
  EXPECT_LT(shortage->log10_tail, -6);
  const Verdict verdict = judge(found, {}, config::Verdict{});
  EXPECT_EQ(verdict.kind, "mode_imbalance") << verdict.reason;
}

TEST(PlaceEvidence, AGroupThatIsMadeTooOftenIsAnImbalanceThere) {
  const auto reals = five_groups(1500, 1);
  auto samples = five_groups(1500, 2);
  const auto more = five_groups(1500, 3, 4);  // of the last group alone
  samples.insert(samples.end(), more.begin(), more.begin() + 600 * kPlaceWidth);
  std::vector<float> mixed;  // of which the first 1,500 are looked at
  for (int64_t row = 0; row < 2100; ++row) {
    const auto from = samples.begin() + row * 11 % 2100 * kPlaceWidth;
    mixed.insert(mixed.end(), from, from + kPlaceWidth);
  }
  const Evidence found = evidence_of_run(reals, mixed);
  ASSERT_TRUE(found.crowded);
  EXPECT_NEAR(found.crowded->part.share, 0.2, 0.04);
  EXPECT_GT(found.crowded->part.made, 0.3);
  EXPECT_EQ(judge(found, {}, config::Verdict{}).kind, "mode_imbalance");
}

// A group that is the half of a class: the class is not gone, and the place has its name.
TEST(PlaceEvidence, APlaceWithinAClassHasTheNameOfTheClass) {
  const auto reals = five_groups(1500, 1);
  Comparison comparison = comparison_of(reals);
  comparison.names = {"shoe", "bag", "coat"};
  for (int64_t row = 0; row < 1500; ++row)
    comparison.reference.reals.modes.push_back(std::min<int64_t>(row % 5 / 2, 2));
  EXPECT_EQ(part_hints(comparison).labels.size(), 1500U);
  std::vector<uint8_t> marked(500, 0);
  for (size_t row = 1; row < marked.size(); row += 15) marked[row] = 1;  // of the class "shoe"
  const auto samples = five_groups(400, 2);
  const EmptiedRegion region =
      emptied_region(*comparison.reference.parts, {leading(samples), kPartWidth}, marked,
                     std::vector<uint8_t>(400, 0), part_hints(comparison));
  // Of the 500 reals that were looked at, not of all.
  EXPECT_DOUBLE_EQ(region.part.share, 34.0 / 500);
  EXPECT_TRUE(region.classes.empty());
  EXPECT_EQ(region.part.mostly, "shoe");
  EXPECT_THAT(region.part.name, ::testing::EndsWith(", mostly shoe"));

  Evidence found{.step = 1000};
  testing::run_ranks(1, [&](world::Communicator& communicator) {
    const auto lacking = five_groups(1200, 3, 1);
    const auto compared_values = leading(lacking);
    const Features compared{compared_values, kPartWidth};
    found.parts = find_parts(*comparison.reference.parts, compared, parts_level(kSignificance),
                             part_hints(comparison));
    add_places_of_run(communicator, {reals, kPlaceWidth}, {lacking, kPlaceWidth}, comparison,
                      compared, kSignificance, 1, found);
  });
  ASSERT_TRUE(found.emptied);
  EXPECT_EQ(found.emptied->classes, std::vector<std::string>{"shoe"});
  const Verdict verdict = judge(found, {}, config::Verdict{});
  EXPECT_EQ(verdict.kind, "mode_dropping") << verdict.reason;
  EXPECT_THAT(verdict.reason, ::testing::HasSubstr("shoe"));
}

// 60 sets, two figures each: at 0.05 six are expected, sixteen have a chance of 2e-4.
TEST(PlaceEvidence, EqualSamplesAreSignificantNoMoreOftenThanTheLevel) {
  int64_t alarms = 0;
  for (uint64_t set = 0; set < 60; ++set) {
    const Evidence found =
        evidence_of_run(five_groups(300, 100 + 2 * set), five_groups(300, 101 + 2 * set), 1, set);
    for (const char* name : {"local_loss", "local_shortage"})
      alarms += calibrated_figure(found, name)->log10_tail <= std::log10(0.05) ? 1 : 0;
    EXPECT_EQ(judge(found, {}, config::Verdict{}).state, State::healthy) << set;
  }
  EXPECT_LT(alarms, 16);
}

TEST(PlaceEvidence, SamplesThatAreNarrowerAsAWholeLoseNoPart) {
  const auto reals = five_groups(1500, 1);
  auto samples = five_groups(1500, 2);
  for (int64_t row = 0; row < 1500; ++row) {
    const double angle = 0.4 * M_PI * static_cast<double>(row % 5);
    for (int64_t i = 0; i < kPlaceWidth; ++i) {
      const auto centre = static_cast<float>(i == 0   ? 3 * std::cos(angle)
                                             : i == 1 ? 3 * std::sin(angle)
                                                      : 0);
      float& value = samples[static_cast<size_t>(row * kPlaceWidth + i)];
      value = centre + 0.7F * (value - centre);
    }
  }
  const Verdict verdict = judge(evidence_of_run(reals, samples), {}, config::Verdict{});
  for (const Witness& witness : verdict.witnesses)
    EXPECT_THAT(witness.kind, ::testing::Not(::testing::StartsWith("mode_"))) << witness.reason;
}

TEST(PlaceEvidence, WherePartsHaveAllColumnsPlacesAreASecondLookAtWhatTheyMiss) {
  const auto reals = five_groups(1000, 1);
  EXPECT_TRUE(evidence_of_run(reals, five_groups(400, 2), 1, 1, kPlaceWidth).calibrated.empty());
  const Evidence lacking = evidence_of_run(reals, five_groups(400, 2, 1), 1, 1, kPlaceWidth);
  ASSERT_TRUE(lacking.emptied);
  EXPECT_NEAR(lacking.emptied->part.share, 0.2, 0.01);
}

TEST(PlaceEvidence, TooFewOrTooLargeToCompareAddsNothing) {
  const auto reals = five_groups(200, 1);
  EXPECT_TRUE(evidence_of_run(reals, five_groups(kFewestForParts - 1, 2)).calibrated.empty());
  auto large = five_groups(200, 2);
  Evidence evidence{.step = 1000};
  const Comparison comparison = comparison_of(reals);
  evidence.parts = PartFindings{};
  const std::vector<float> shown = leading(large);
  large[17] = std::numeric_limits<float>::quiet_NaN();
  testing::run_ranks(1, [&](world::Communicator& communicator) {
    add_places_of_run(communicator, {reals, kPlaceWidth}, {large, kPlaceWidth}, comparison,
                      {shown, kPartWidth}, kSignificance, 1, evidence);
  });
  EXPECT_TRUE(evidence.calibrated.empty());
  EXPECT_FALSE(evidence.emptied);
}

TEST(PlaceEvidence, SmallModelsLookAmongFewerRows) {
  EXPECT_EQ(most_looked_at(0), 600);
  EXPECT_EQ(most_looked_at(1e15), 5000);
  EXPECT_NEAR(most_looked_at(4e11), 2 * most_looked_at(1e11), 1);

  const auto reals = five_groups(1000, 1);
  const auto samples = five_groups(1000, 2, 1);
  Evidence evidence{.step = 1000};
  const Comparison comparison = comparison_of(reals);
  const auto compared = leading(samples);
  testing::run_ranks(2, [&](world::Communicator& communicator) {
    Evidence found{.step = 1000};
    found.parts = PartFindings{};
    add_places_of_run(communicator, {reals, kPlaceWidth, 700}, {samples, kPlaceWidth}, comparison,
                      {compared, kPartWidth}, kSignificance, 1, found);
    if (communicator.rank() == 0) evidence = std::move(found);
  });
  const double lost = calibrated_figure(evidence, "local_loss")->value;
  EXPECT_NEAR(lost, 0.2, 0.02);
  EXPECT_NEAR(lost * 700, std::round(lost * 700), 1e-9);
}

}  // namespace
}  // namespace allmodes::diagnostics
