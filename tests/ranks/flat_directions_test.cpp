// Directions in which samples hardly vary: found, named and taken out where there are some; silent
// for equal sets, for samples that are narrow in all directions alike, and for lost modes.

#include "diagnostics/metrics/flat_directions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

std::vector<float> normal_rows(int64_t rows, int64_t width, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(rows * width));
  fill_normal({seed, Purpose("rows")}, 0, rows, width, values.data());
  return values;
}

std::vector<float> changed(std::vector<float> values, int64_t width,
                           const std::function<void(std::span<float>)>& change) {
  for (size_t at = 0; at < values.size(); at += static_cast<size_t>(width))
    change(std::span(values).subspan(at, static_cast<size_t>(width)));
  return values;
}

std::optional<FlatDirections> flat_of(const std::vector<float>& reals,
                                      const std::vector<float>& samples, int64_t width) {
  return flat_directions(make_part_reference({reals, width}), {samples, width});
}

double variance_of(const std::vector<float>& values, size_t width, size_t column) {
  double sum = 0, squares = 0, n = 0;
  for (size_t at = column; at < values.size(); at += width, ++n) {
    sum += static_cast<double>(values[at]);
    squares += static_cast<double>(values[at]) * static_cast<double>(values[at]);
  }
  return squares / n - sum / n * (sum / n);
}

TEST(FlatDirections, ADimensionThatIsNotUsedIsFoundNamedAndTakenOut) {
  constexpr int64_t kWidth = 10;
  const auto reals = normal_rows(1000, kWidth, 1);
  const auto samples =
      changed(normal_rows(1000, kWidth, 2), kWidth, [](auto row) { row[7] = 0.02F * row[7]; });
  const auto flat = flat_of(reals, samples, kWidth);
  ASSERT_TRUE(flat.has_value());
  EXPECT_EQ(flat->directions, 1);
  EXPECT_LT(flat->width, 0.05);
  EXPECT_NEAR(flat->share, 0.1, 0.03);
  EXPECT_LT(flat->log10_tail, -30);
  const auto explained = explained_columns({reals, kWidth}, flat->span, {reals, kWidth});
  EXPECT_GT(explained[7], 0.9);
  EXPECT_LT(explained[6], 0.1);
  const auto left = rows_without({reals, kWidth}, flat->span);
  EXPECT_LT(variance_of(left, kWidth, 7), 0.1);
  EXPECT_GT(variance_of(left, kWidth, 3), 0.8);
}

// Directions that are no columns.
TEST(FlatDirections, SumsAndDifferencesAreDirectionsToo) {
  constexpr int64_t kWidth = 6;
  const auto reals = normal_rows(800, kWidth, 3);
  const auto samples = changed(normal_rows(900, kWidth, 4), kWidth, [](auto row) {
    row[0] = row[1] = 0.7071F * row[0];
    row[2] = -row[3];
  });
  const auto flat = flat_of(reals, samples, kWidth);
  ASSERT_TRUE(flat.has_value());
  EXPECT_EQ(flat->directions, 2);
  EXPECT_LT(flat->width, 0.02);
}

// Samples on a line are in few of the cells of a plane; what they lack in those tells.
TEST(FlatDirections, SamplesOnALineOfAPlaneHaveOne) {
  for (const int64_t rows : {400, 2000}) {
    const auto line = changed(normal_rows(rows, 2, 21), 2, [](auto row) { row[1] = 0; });
    const auto flat = flat_of(normal_rows(rows, 2, 22), line, 2);
    ASSERT_TRUE(flat.has_value()) << rows;
    EXPECT_EQ(flat->directions, 1);
    EXPECT_LT(flat->width, 1e-6);
    EXPECT_LT(flat->log10_tail, -10);
  }
}

TEST(FlatDirections, OfEqualSetsThereAreNone) {
  for (const int64_t width : {2, 10, 48})
    for (const int64_t rows : {100, 400, 1500})
      for (uint64_t seed = 10; seed < 30; ++seed) {
        const auto flat = flat_of(normal_rows(rows, width, seed),
                                  normal_rows(rows, width, 1000 + seed), width);
        EXPECT_FALSE(flat.has_value()) << width << " wide, " << rows << " rows, seed " << seed;
      }
}

TEST(FlatDirections, AllDirectionsAlikeAreNotFlat) {
  constexpr int64_t kWidth = 8;
  const auto narrow = changed(normal_rows(1000, kWidth, 5), kWidth, [](auto row) {
    for (float& value : row) value *= 0.3F;
  });
  EXPECT_FALSE(flat_of(normal_rows(1000, kWidth, 6), narrow, kWidth).has_value());
}

// Modes on a line, of which one is left: samples do not vary along it, within a mode they do.
TEST(FlatDirections, ALostModeIsNoFlatDirection) {
  constexpr int64_t kWidth = 4;
  const auto modes = [&](uint64_t seed, int64_t count) {
    int64_t row_number = 0;
    return changed(normal_rows(1200, kWidth, seed), kWidth, [&](auto row) {
      row[0] += 12 * static_cast<float>(row_number++ % count);
    });
  };
  EXPECT_FALSE(flat_of(modes(7, 2), modes(8, 1), kWidth).has_value());
  EXPECT_FALSE(flat_of(modes(9, 10), modes(10, 5), kWidth).has_value());
}

// Stripes side by side, of which one is made: along the stripe and across it samples vary as the
// data do. The same of groups in a square of which two are made, on a line.
TEST(FlatDirections, LostGroupsOfAnyShapeAreNoFlatDirection) {
  const auto stripes = [](uint64_t seed, int64_t count, int64_t rows) {
    int64_t row_number = 0;
    return changed(normal_rows(rows, 2, seed), 2, [&](auto row) {
      row[0] *= 8;
      row[1] = 0.3F * row[1] + 4 * static_cast<float>(row_number++ % count);
    });
  };
  for (const int64_t rows : {400, 1500}) {
    EXPECT_FALSE(flat_of(stripes(31, 3, rows), stripes(32, 1, rows), 2).has_value()) << rows;
    EXPECT_FALSE(flat_of(stripes(33, 6, rows), stripes(34, 1, rows), 2).has_value()) << rows;
  }
  const auto square = [](uint64_t seed, int64_t count) {
    int64_t row_number = 0;
    return changed(normal_rows(1500, 2, seed), 2, [&](auto row) {
      const int64_t group = row_number++ % count;
      row[0] += 10 * static_cast<float>(group % 2);
      row[1] += 10 * static_cast<float>(group / 2);
    });
  };
  EXPECT_FALSE(flat_of(square(35, 4), square(36, 2), 2).has_value());
}

// Two groups, round and long: samples that are nearly all of the round one are not flat.
TEST(FlatDirections, GroupsMadeTooOftenAreNoFlatDirection) {
  const auto groups = [](uint64_t seed, int64_t every) {
    int64_t row_number = 0;
    return changed(normal_rows(2000, 3, seed), 3, [&](auto row) {
      const bool round = row_number++ % every != 0;
      for (float& value : row) value *= round ? 0.3F : 1;
      if (!round) row[2] *= 6;
      row[0] += round ? 0 : 20;
    });
  };
  EXPECT_FALSE(flat_of(groups(41, 2), groups(42, 20), 3).has_value());
}

// What hardly varies in the data, as noise about a plane, is no direction that a model must have.
TEST(FlatDirections, DirectionsOfLittleVarianceAreLeftOut) {
  constexpr int64_t kWidth = 5;
  const auto plane = [&](uint64_t seed, float noise) {
    return changed(normal_rows(1000, kWidth, seed), kWidth, [noise](auto row) {
      for (size_t j = 2; j < row.size(); ++j) row[j] *= noise;
    });
  };
  EXPECT_FALSE(flat_of(plane(11, 0.2F), plane(12, 0), kWidth).has_value());
}

}  // namespace
}  // namespace allmodes::diagnostics
