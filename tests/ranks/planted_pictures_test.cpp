// Faults planted in pictures of ten classes, and what `allmodes diagnose` makes of them in
// principal components: the right kind, no loss where all classes are there, nothing where nothing
// is wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "diagnosis/diagnosis.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::State;

constexpr int64_t kPictureSide = 20;
constexpr int64_t kPictureClasses = 10;
constexpr size_t kPicturePixels = kPictureSide * kPictureSide;

struct StrokePictures {
  std::vector<float> values;  // [n][side][side], -1 .. 1
  std::vector<int64_t> labels;

  int64_t count() const { return std::ssize(labels); }
  std::span<float> picture(int64_t i) {
    return std::span(values).subspan(static_cast<size_t>(i) * kPicturePixels, kPicturePixels);
  }
};

double distance_to_segment(double x, double y, const std::array<double, 4>& ends) {
  const double dx = ends[2] - ends[0], dy = ends[3] - ends[1];
  const double length = dx * dx + dy * dy;
  const double at =
      length > 0 ? std::clamp(((x - ends[0]) * dx + (y - ends[1]) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(x - ends[0] - at * dx, y - ends[1] - at * dy);
}

// Strokes through four points, which are the class's own, each moved by its own chance.
StrokePictures strokes(int64_t count, uint64_t seed) {
  Random shape({.seed = 11, .purpose = Purpose("stroke classes")});
  std::vector<std::array<double, 8>> classes(kPictureClasses);
  for (auto& points : classes)
    for (double& value : points) value = 0.2 + 0.6 * shape.uniform();
  Random random({.seed = seed, .purpose = Purpose("strokes")});
  StrokePictures made;
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<size_t>(random.below(kPictureClasses));
    std::array<double, 8> points = classes[label];
    for (double& value : points) value += 0.04 * random.normal();
    const double thick = 0.05 + 0.02 * random.uniform();
    for (int64_t y = 0; y < kPictureSide; ++y)
      for (int64_t x = 0; x < kPictureSide; ++x) {
        double nearest = 1;
        for (size_t p = 0; p + 3 < points.size(); p += 2)
          nearest = std::min(nearest, distance_to_segment(static_cast<double>(x) / kPictureSide,
                                                          static_cast<double>(y) / kPictureSide,
                                                          {points[p], points[p + 1], points[p + 2],
                                                           points[p + 3]}));
        made.values.push_back(static_cast<float>(2 / (1 + std::exp((nearest - thick) * 60)) - 1));
      }
    made.labels.push_back(static_cast<int64_t>(label));
  }
  return made;
}

DiagnosedSamples samples_of_pictures(const StrokePictures& pictures, bool labelled) {
  DiagnosedSamples samples{
      .source = "pictures",
      .shape = {.channels = 1, .height = kPictureSide, .width = kPictureSide, .image = true},
      .values = pictures.values,
      .labels = labelled ? pictures.labels : std::vector<int64_t>(),
      .class_names = {},
      .count = pictures.count()};
  for (int64_t k = 0; labelled && k < kPictureClasses; ++k)
    samples.class_names.push_back(std::to_string(k));
  return samples;
}

diagnostics::Verdict verdict_on_pictures(const StrokePictures& reals, const StrokePictures& fakes,
                                         bool labelled = false) {
  config::Verdict levels;
  levels.grace_steps = 0;
  diagnostics::Verdict verdict;
  testing::run_ranks(1, [&](world::Communicator& group) {
    const auto real = samples_of_pictures(reals, labelled);
    const auto fake = samples_of_pictures(fakes, false);
    std::vector<float> both = real.values;
    both.insert(both.end(), fake.values.begin(), fake.values.end());
    const auto features =
        diagnostics::component_features(group, {both, static_cast<int64_t>(kPicturePixels)});
    verdict = diagnose_samples(group, real, fake, features, {}, {.step = 1}, levels).verdict;
  });
  return verdict;
}

bool speaks_of_mass(const diagnostics::Verdict& verdict) {
  return verdict.kind == "mode_dropping" || verdict.kind == "mode_imbalance";
}

StrokePictures noisy_pictures(StrokePictures pictures, double deviation, uint64_t seed) {
  Random random({.seed = seed, .purpose = Purpose("noise of pictures")});
  for (float& value : pictures.values)
    value = std::clamp(value + static_cast<float>(deviation * random.normal()), -1.0F, 1.0F);
  return pictures;
}

StrokePictures moved_by_one(const StrokePictures& pictures) {
  StrokePictures moved = pictures;
  for (int64_t i = 0; i < moved.count(); ++i) {
    const auto to = moved.picture(i);
    for (int64_t y = 0; y < kPictureSide; ++y)
      std::rotate(to.begin() + y * kPictureSide, to.begin() + (y + 1) * kPictureSide - 1,
                  to.begin() + (y + 1) * kPictureSide);
  }
  return moved;
}

TEST(PlantedPictures, AHundredAndFiftyOfTheDataAreTooFewToSayAndNoFault) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const auto verdict = verdict_on_pictures(strokes(150, 100 + seed), strokes(150, 200 + seed));
    EXPECT_EQ(verdict.kind, "too_few_samples") << verdict.reason;
    EXPECT_EQ(verdict.state, State::at_risk);
  }
}

TEST(PlantedPictures, OfTheDataAreHealthyWithLabelsAndWithout) {
  for (uint64_t seed = 0; seed < 3; ++seed)
    for (const bool labelled : {false, true}) {
      const auto verdict =
          verdict_on_pictures(strokes(700, 300 + seed), strokes(700, 400 + seed), labelled);
      EXPECT_EQ(verdict.state, State::healthy) << verdict.reason;
    }
}

TEST(PlantedPictures, ClassesAtSixTenthsOfTheirWidthAreNarrow) {
  StrokePictures fakes = strokes(700, 2);
  for (int64_t k = 0; k < kPictureClasses; ++k) {
    std::vector<double> mean(kPicturePixels, 0);
    double count = 0;
    for (int64_t i = 0; i < fakes.count(); ++i) {
      if (fakes.labels[static_cast<size_t>(i)] != k) continue;
      for (size_t j = 0; j < kPicturePixels; ++j)
        mean[j] += static_cast<double>(fakes.picture(i)[j]);
      ++count;
    }
    for (int64_t i = 0; i < fakes.count(); ++i) {
      if (fakes.labels[static_cast<size_t>(i)] != k) continue;
      for (size_t j = 0; j < kPicturePixels; ++j) {
        const auto middle = static_cast<float>(mean[j] / count);
        fakes.picture(i)[j] = middle + 0.6F * (fakes.picture(i)[j] - middle);
      }
    }
  }
  const auto verdict = verdict_on_pictures(strokes(700, 1), fakes);
  EXPECT_EQ(verdict.kind, "within_mode_collapse") << verdict.reason;
  EXPECT_THAT(verdict.lost, ::testing::IsEmpty());
}

TEST(PlantedPictures, AClassOfTwentyPicturesWithNoiseIsNarrowAndNamed) {
  StrokePictures fakes = strokes(1000, 2);
  const StrokePictures clean = fakes;
  std::vector<int64_t> first;
  Random random({.seed = 3, .purpose = Purpose("twenty pictures")});
  for (int64_t i = 0; i < fakes.count(); ++i) {
    if (fakes.labels[static_cast<size_t>(i)] != 4) continue;
    if (std::ssize(first) < 20) first.push_back(i);
    const auto from = static_cast<size_t>(first[random.below(first.size())]) * kPicturePixels;
    for (size_t j = 0; j < kPicturePixels; ++j)
      fakes.picture(i)[j] = std::clamp(
          clean.values[from + j] + static_cast<float>(0.05 * random.normal()), -1.0F, 1.0F);
  }
  const auto verdict = verdict_on_pictures(strokes(1000, 1), fakes, true);
  EXPECT_EQ(verdict.kind, "within_mode_collapse") << verdict.reason;
  EXPECT_THAT(verdict.reason, ::testing::HasSubstr("4")) << verdict.reason;
  EXPECT_THAT(verdict.narrow, ::testing::Contains("4")) << verdict.reason;
}

TEST(PlantedPictures, AShiftOfOnePixelLosesNothing) {
  const auto verdict = verdict_on_pictures(strokes(1000, 1), moved_by_one(strokes(1000, 2)));
  EXPECT_FALSE(speaks_of_mass(verdict)) << verdict.reason;
  EXPECT_THAT(verdict.lost, ::testing::IsEmpty());
}

TEST(PlantedPictures, NoiseIsUnformedAndLosesNothing) {
  const auto verdict =
      verdict_on_pictures(strokes(700, 1), noisy_pictures(strokes(700, 2), 0.5, 3));
  EXPECT_EQ(verdict.kind, "unformed") << verdict.reason;
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_THAT(verdict.lost, ::testing::IsEmpty());
}

}  // namespace
}  // namespace allmodes::diagnosis
