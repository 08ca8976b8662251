// Samples that are moved as a whole, and what is lost then: nothing.

#include "diagnostics/metrics/moved_samples.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

std::vector<float> normals_about(double middle, int64_t rows, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(rows * 4));
  fill_normal({seed, Purpose("moved samples")}, 0, rows, 4, values.data());
  for (float& value : values) value += static_cast<float>(middle);
  return values;
}

TEST(MovedSamples, HaveTheMeanOfTheRealsUnlessTheyAreFar) {
  const auto reals = normals_about(1, 300, 1);
  const auto fakes = normals_about(1.3, 200, 2);
  const auto moved = moved_onto_reals({reals, 4}, {fakes, 4});
  ASSERT_TRUE(moved);
  ASSERT_EQ(moved->size(), fakes.size());
  for (size_t j = 0; j < 4; ++j) {
    double real = 0, fake = 0;
    for (size_t row = 0; row < 300; ++row) real += static_cast<double>(reals[row * 4 + j]) / 300;
    for (size_t row = 0; row < 200; ++row) fake += static_cast<double>((*moved)[row * 4 + j]) / 200;
    EXPECT_NEAR(real, fake, 1e-5);
  }
  // All of them by one factor about the mean.
  const auto stretch = [&](size_t j) {
    return ((*moved)[4 + j] - (*moved)[j]) / (fakes[4 + j] - fakes[j]);
  };
  EXPECT_GE(stretch(1), 1 - 1e-4F);
  EXPECT_NEAR(stretch(1), stretch(2), 1e-4F);
  EXPECT_TRUE(moved_onto_reals({reals, 4}, {normals_about(1.8, 200, 2), 4}));
  EXPECT_FALSE(moved_onto_reals({reals, 4}, {normals_about(2.2, 200, 2), 4}));
}

double variance_of(const std::vector<float>& values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const auto count = static_cast<double>(values.size());
  return squares / count - sum * sum / count / count;
}

TEST(MovedSamples, ThatAreNarrowerHaveTheVarianceOfTheReals) {
  const auto reals = normals_about(0, 3000, 3);
  const auto stretched = [&](double width, double middle) {
    auto fakes = normals_about(0, 3000, 4);
    for (float& value : fakes)
      value = static_cast<float>(width * static_cast<double>(value) + middle);
    return variance_of(*moved_onto_reals({reals, 4}, {fakes, 4}));
  };
  EXPECT_NEAR(stretched(0.8, 0), variance_of(reals), 0.01);
  EXPECT_NEAR(stretched(0.3, 0.4), variance_of(reals), 0.01);
  EXPECT_NEAR(stretched(0.05, 0), 0.0025, 0.001);  // nearly a point
  EXPECT_NEAR(stretched(1.2, 0), 1.44, 0.06);      // wider samples leave no place
}

}  // namespace
}  // namespace allmodes::diagnostics
