// Columns of very unequal scale, which distances would otherwise leave out but for the widest.

#include "diagnostics/features/column_scales.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "diagnostics/features/sample_features.h"

namespace allmodes::diagnostics {
namespace {

std::vector<float> scaled_normals(int64_t rows, const std::vector<float>& scales) {
  const auto width = std::ssize(scales);
  std::vector<float> values(static_cast<size_t>(rows * width));
  fill_normal({1, Purpose("column scales")}, 0, rows, width, values.data());
  for (size_t i = 0; i < values.size(); ++i) values[i] *= scales[i % scales.size()];
  return values;
}

TEST(ColumnScales, AreThoseOfMostRowsAndNotOfAFewFarOnes) {
  std::vector<float> values = scaled_normals(2000, {1, 100, 0});
  for (size_t row = 0; row < 10; ++row) values[row * 3] = 1e6F;
  const auto deviations = column_deviations({values, 3});
  EXPECT_NEAR(deviations[0], 0.95, 0.08);  // without the outermost hundredths of a normal
  EXPECT_NEAR(deviations[1], 95, 8);
  EXPECT_EQ(deviations[2], 0);
  // One row in two hundred holds all that varies.
  std::vector<float> rare(400, 0);
  rare[7] = 1;
  EXPECT_GT(column_deviations({rare, 1})[0], 0);
}

TEST(ColumnScales, OfConstantColumnsAreZeroWhateverTheirNumberIs) {
  // A thousandth is no binary fraction: the mean of a thousand ones is not quite 1.
  for (const int64_t rows : {1000, 1024, 3001}) {
    for (const float value : {1.0F, 0.1F, -3.0F, 1e9F}) {
      std::vector<float> values = scaled_normals(rows, {1, 0, 0});
      for (size_t row = 0; row < static_cast<size_t>(rows); ++row) values[row * 3 + 1] = value;
      // Equal but for the last bit of single precision.
      for (size_t row = 0; row < static_cast<size_t>(rows); ++row)
        values[row * 3 + 2] = row % 2 == 0 ? value : std::nextafter(value, 2 * value);
      const auto deviations = column_deviations({values, 3});
      EXPECT_GT(deviations[0], 0.9);
      EXPECT_EQ(deviations[1], 0) << rows << " times " << value;
      EXPECT_EQ(deviations[2], 0) << rows << " times " << value;
      EXPECT_FALSE(of_unequal_scale(deviations));
    }
  }
}

TEST(ColumnScales, AreUnequalWhereHalfOfThemAreAHundredTimesNarrowerThanOne) {
  EXPECT_FALSE(of_unequal_scale({1, 1, 1}));
  EXPECT_FALSE(of_unequal_scale({1, 3, 30, 0, 0}));
  EXPECT_TRUE(of_unequal_scale({1, 0.01F}));
  EXPECT_TRUE(of_unequal_scale({20'000, 15, 0.3F, 0}));
  EXPECT_FALSE(of_unequal_scale({20'000, 15'000, 9'000, 0.3F}));
  EXPECT_FALSE(of_unequal_scale({5, 0, 0}));
  // The spectrum of an embedding, of which the first directions matter.
  std::vector<float> spectrum;
  for (int i = 1; i <= 768; ++i) spectrum.push_back(1.0F / static_cast<float>(i));
  EXPECT_FALSE(of_unequal_scale(spectrum));
}

TEST(ColumnScales, OfScaledFeaturesAreOneAndBlocksDoNotChangeThem) {
  const std::vector<float> values = scaled_normals(700, {1e-3F, 10, 2e4F, 0});
  const FeatureMap map = scaled_features(column_deviations({values, 4}));
  const auto rows = map.map(values, {0, 700});
  const auto deviations = column_deviations({rows, 4});
  for (size_t j = 0; j < 3; ++j) EXPECT_NEAR(deviations[j], 1, 1e-3);
  EXPECT_EQ(deviations[3], 0);
  const auto part = map.map(values, {500, 600});
  EXPECT_TRUE(std::equal(part.begin(), part.end(), rows.begin() + 2000));
}

}  // namespace
}  // namespace allmodes::diagnostics
