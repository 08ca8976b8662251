// Samples beside what a model was trained on, and beside the classes that were asked for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "diagnosis/class_evidence.h"
#include "diagnosis/memory_evidence.h"
#include "diagnostics/metrics/nearness_to_training.h"
#include "diagnostics/statistics/distributions.h"
#include "diagnostics/verdict/witnesses.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::LabelFigures;
using diagnostics::State;
using diagnostics::TrainingCopies;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr int64_t kWidth = 8;

std::vector<float> normal_rows(int64_t rows, uint64_t seed, double scale = 1) {
  std::vector<float> values(static_cast<size_t>(rows * kWidth));
  fill_normal({seed, Purpose("memory test")}, 0, rows, kWidth, values.data());
  for (float& value : values) value *= static_cast<float>(scale);
  return values;
}

DiagnosedSamples samples_of(std::vector<float> values, const std::string& source) {
  const auto rows = std::ssize(values) / kWidth;
  return {.source = source,
          .shape = {.channels = kWidth, .height = 1, .width = 1, .image = false},
          .values = std::move(values),
          .labels = {},
          .class_names = {},
          .count = rows};
}

diagnostics::Verdict verdict_on(diagnostics::Evidence evidence) {
  config::Verdict levels;
  levels.grace_steps = 0;
  levels.confirmations = 1;
  return judge(evidence, {}, levels);
}

TEST(TrainingCopies, TailAndShareAreThoseOfTheCounts) {
  const TrainingCopies figures{
      .samples = 1000, .held_out = 1000, .training = 5000, .near = {{60, 10}, {150, 100}}};
  // 10 of the 70 near rows are held-out ones, where either kind is as likely; two limits.
  EXPECT_NEAR(training_copies_log10_tail(figures),
              diagnostics::hypergeometric_lower_log10(10, 1000, 70, 2000) + std::log10(2), 1e-9);
  const auto learnt = learnt_share(figures);
  EXPECT_NEAR(learnt.share, (0.06 - 0.01) / 0.99, 1e-12);
  EXPECT_LT(learnt.low, 0.05);
  EXPECT_GT(learnt.low, 0.01);
  EXPECT_GT(learnt.high, 0.05);
  EXPECT_LT(learnt.high, 0.1);
}

// Of perfect samples, and of ones that are narrower, wider or off the data, none is learnt.
TEST(TrainingCopies, AreNotFoundAmongSamplesOfWhateverWidth) {
  const auto control = world::make_self_communicator();
  const auto training = samples_of(normal_rows(3000, 1), "train");
  int64_t alarms = 0;
  for (uint64_t seed = 10; seed < 50; ++seed) {
    const double scale = std::array{1.0, 0.5, 0.8, 1.5}[seed % 4];
    const auto figures =
        training_copies(*control, training, samples_of(normal_rows(500, seed), "test"),
                        samples_of(normal_rows(500, 1000 + seed, scale), "fakes"),
                        diagnostics::pixel_features(training.shape));
    alarms += verdict_on({.step = 1, .training_copies = figures}).state != State::healthy ? 1 : 0;
  }
  EXPECT_EQ(alarms, 0);
}

TEST(TrainingCopies, FivePercentAreFoundWithTheirShare) {
  const auto control = world::make_self_communicator();
  const auto training = samples_of(normal_rows(3000, 1), "train");
  for (const float noise : {0.0F, 0.05F}) {
    auto values = normal_rows(1000, 7);
    const auto moved = normal_rows(50, 8);
    for (size_t i = 0; i < 50 * kWidth; ++i) values[i] = training.values[i] + noise * moved[i];
    const auto figures =
        training_copies(*control, training, samples_of(normal_rows(1000, 9), "test"),
                        samples_of(values, "fakes"), diagnostics::pixel_features(training.shape));
    const auto learnt = learnt_share(figures);
    EXPECT_NEAR(learnt.share, 0.05, 0.02) << noise;
    EXPECT_LT(learnt.low, 0.05);
    EXPECT_GT(learnt.high, 0.05);
    const auto verdict = verdict_on({.step = 1, .training_copies = figures});
    EXPECT_EQ(verdict.kind, "memorized");
    EXPECT_THAT(verdict.reason, HasSubstr("learnt by heart ("));
  }
}

// In the plane noise of that size is as wide as the data's own spacing: no copy is nearer to its
// row than held-out data are, and yet they crowd around them.
TEST(TrainingCopies, WithNoiseAsWideAsTheSpacingCrowdAroundTrainingRows) {
  const auto control = world::make_self_communicator();
  const auto plane = [](uint64_t seed, double scale) {
    std::vector<float> values(2 * 1000);
    fill_normal({seed, Purpose("plane test")}, 0, 1000, 2, values.data());
    for (float& value : values) value *= static_cast<float>(scale);
    return values;
  };
  const auto training = plane(1, 1), held_out = plane(2, 1);
  int64_t alarms = 0;
  for (uint64_t seed = 10; seed < 22; ++seed) {
    auto fakes = plane(seed, std::array{1.0, 0.5, 1.5}[seed % 3]);
    const auto figures =
        diagnostics::nearness_to_training(*control, {training, 2}, {held_out, 2}, {fakes, 2});
    alarms += verdict_on({.step = 1, .training_copies = figures}).state != State::healthy ? 1 : 0;
  }
  EXPECT_EQ(alarms, 0);
  auto fakes = plane(5, 0.05);
  for (size_t i = 0; i < fakes.size(); ++i) fakes[i] += training[i];
  const auto figures =
      diagnostics::nearness_to_training(*control, {training, 2}, {held_out, 2}, {fakes, 2});
  const auto verdict = verdict_on({.step = 1, .training_copies = figures});
  EXPECT_EQ(verdict.kind, "memorized") << verdict.reason;
  EXPECT_GT(figures.crowding.high, 0.5);
}

TEST(TrainingCopies, RowsThatTheDataRepeatAreNoCopiesAndHeldOutDataIsAskedFor) {
  const auto control = world::make_self_communicator();
  auto trained = normal_rows(1000, 1);
  auto held_out = normal_rows(1000, 2);
  auto fakes = normal_rows(1000, 3);
  // A fifth of either set, and of the samples, is one row.
  for (auto* set : {&trained, &held_out, &fakes})
    for (size_t i = 0; i < 200 * kWidth; ++i) (*set)[i] = static_cast<float>(i % kWidth);
  const auto training = samples_of(trained, "train.npy");
  const auto figures =
      training_copies(*control, training, samples_of(held_out, "test.npy"),
                      samples_of(fakes, "fakes"), diagnostics::pixel_features(training.shape));
  EXPECT_EQ(figures.training, 1000);
  EXPECT_EQ(figures.held_out, 1000);
  EXPECT_EQ(verdict_on({.step = 1, .training_copies = figures}).state, State::healthy);
  try {
    training_copies(*control, training, training, training,
                    diagnostics::pixel_features(training.shape));
    FAIL() << "training data were taken for held-out ones";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("are also in train.npy"));
  }
}

// Whole numbers, of which any two sets have many rows in common.
std::vector<float> whole_numbers(int64_t rows, uint64_t seed, int64_t different, int64_t columns) {
  std::vector<float> values(static_cast<size_t>(rows * kWidth), 0.0F);
  Random random({.seed = seed, .purpose = Purpose("whole numbers")});
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t j = 0; j < columns; ++j)
      values[static_cast<size_t>(row * kWidth + j)] =
          static_cast<float>(random.below(static_cast<uint64_t>(different)));
  return values;
}

TEST(TrainingCopies, OfDiscreteDataAreNotThoseThatHeldOutRowsAreToo) {
  const auto control = world::make_self_communicator();
  // 4,096 different rows; 64, all of which are there many times.
  for (const int64_t columns : {6, 3}) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const auto training = samples_of(whole_numbers(1500, 10 + seed, 4, columns), "train.npy");
      const auto held_out = samples_of(whole_numbers(1000, 20 + seed, 4, columns), "test.npy");
      const auto map = diagnostics::pixel_features(training.shape);
      auto fakes = whole_numbers(800, 30 + seed, 4, columns);
      const auto equal =
          training_copies(*control, training, held_out, samples_of(fakes, "fakes"), map);
      EXPECT_EQ(verdict_on({.step = 1, .training_copies = equal}).state, State::healthy)
          << verdict_on({.step = 1, .training_copies = equal}).reason;
      if (columns == 3) continue;
      // Half of them are the training rows themselves.
      std::copy_n(training.values.begin(), 400 * kWidth, fakes.begin());
      const auto copied =
          training_copies(*control, training, held_out, samples_of(fakes, "fakes"), map);
      EXPECT_EQ(verdict_on({.step = 1, .training_copies = copied}).kind, "memorized");
    }
  }
}

// Three classes; each sample is taken for `taken_for`.
struct Asked {
  DiagnosedSamples reals;
  DiagnosedSamples fakes;
  ClassEye eye;
};
Asked asked_for(const std::function<int64_t(int64_t asked, int64_t i)>& taken_for) {
  Asked made;
  made.reals.class_names = made.fakes.class_names = {"cat", "dog", "eel"};
  made.reals.count = made.fakes.count = 600;
  for (int64_t i = 0; i < 600; ++i) {
    made.reals.labels.push_back(i % 3);
    made.fakes.labels.push_back(i % 3);
    made.eye.seen.rows.push_back(i);
    made.eye.seen.of_reals.push_back(i % 3);
    made.eye.seen.of_samples.push_back(taken_for(i % 3, i));
  }
  return made;
}

TEST(AskedClasses, OneIgnoredClassIsNamedThoughTheOthersAreRight) {
  const auto made =
      asked_for([](int64_t asked, int64_t i) { return asked == 1 ? i % 2 * 2 : asked; });
  const LabelFigures figures = asked_classes(made.reals, made.fakes, made.eye);
  EXPECT_EQ(figures.right, 400);
  EXPECT_EQ(figures.accuracy, 1);
  EXPECT_NEAR(figures.chance, 1.0 / 3, 1e-12);
  const auto verdict = verdict_on({.step = 1, .labels = figures});
  EXPECT_EQ(verdict.kind, "label_ignored");
  EXPECT_THAT(verdict.reason, HasSubstr("mostly of other classes: dog"));
}

// Forty shares of 1/40 sum to a little more than 1.
TEST(AskedClasses, ThatAreAllSeenRightlyHaveAnAccuracyOfOne) {
  Asked made;
  for (int64_t k = 0; k < 40; ++k) made.reals.class_names.push_back(std::to_string(k));
  made.reals.count = made.fakes.count = 600;
  Random random({1, Purpose("asked classes")});
  for (int64_t i = 0; i < 600; ++i) {
    const auto label = static_cast<int64_t>(random.below(40));
    for (auto* list : {&made.reals.labels, &made.fakes.labels, &made.eye.seen.of_reals,
                       &made.eye.seen.of_samples})
      list->push_back(label);
    made.eye.seen.rows.push_back(i);
  }
  const LabelFigures figures = asked_classes(made.reals, made.fakes, made.eye);
  EXPECT_LE(figures.accuracy, 1);
  EXPECT_EQ(verdict_on({.step = 1, .labels = figures}).state, State::healthy);
}

TEST(AskedClasses, HalfOfTheLabelsIgnoredIsARiskAndNoneIsHealthy) {
  auto made = asked_for([](int64_t asked, int64_t) { return asked; });
  EXPECT_EQ(
      verdict_on({.step = 1, .labels = asked_classes(made.reals, made.fakes, made.eye)}).state,
      State::healthy);
  made = asked_for([](int64_t asked, int64_t i) { return i % 2 == 0 ? asked : i / 7 % 3; });
  EXPECT_EQ(verdict_on({.step = 1, .labels = asked_classes(made.reals, made.fakes, made.eye)}).kind,
            "label_ignored");
}

TEST(AskedClasses, LabelsGoByTheNamesOfClasses) {
  auto made = asked_for([](int64_t asked, int64_t) { return asked; });
  made.fakes.class_names = {"eel", "cat", "dog"};
  ASSERT_TRUE(take_classes(made.fakes, made.reals));
  EXPECT_EQ(made.fakes.labels[0], 2);
  EXPECT_EQ(made.fakes.labels[1], 0);
  made.fakes.class_names = {"a", "b", "c"};
  EXPECT_FALSE(take_classes(made.fakes, made.reals));
  EXPECT_TRUE(made.fakes.labels.empty());
  EXPECT_EQ(made.reals.class_names.size(), 3U);
}

// Of many classes some are so rare that a sample of the data has none of them.
TEST(AskedClasses, OfWhichNoRealIsThereAreAdded) {
  auto made = asked_for([](int64_t asked, int64_t) { return asked; });
  made.fakes.class_names = {"cat", "dog", "eel", "fox"};
  made.fakes.labels[3] = 3;
  ASSERT_TRUE(take_classes(made.fakes, made.reals));
  EXPECT_EQ(made.fakes.labels[3], 3);
  EXPECT_EQ(made.reals.class_names.back(), "fox");
  const auto figures = asked_classes(made.reals, made.fakes, made.eye);
  ASSERT_EQ(figures.by_class.size(), 4U);
  EXPECT_EQ(figures.by_class[3].asked, 1);
  EXPECT_EQ(verdict_on({.step = 1, .labels = figures}).state, State::healthy);
}

}  // namespace
}  // namespace allmodes::diagnosis
