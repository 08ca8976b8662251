// Samples that are narrower than the data by design, and what is lost among them all the same.

#include "diagnostics/modes/decoder_means.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "diagnostics/verdict/comparison_evidence.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kColumns = 4;

std::vector<float> normal_columns(int64_t rows, uint64_t seed, const std::vector<float>& scales) {
  std::vector<float> values(static_cast<size_t>(rows * kColumns));
  fill_normal({seed, Purpose("decoder means")}, 0, rows, kColumns, values.data());
  for (size_t i = 0; i < values.size(); ++i) values[i] *= scales[i % kColumns];
  return values;
}

double deviation_of_column(const std::vector<float>& rows, size_t j) {
  double sum = 0, squares = 0, count = 0;
  for (size_t i = j; i < rows.size(); i += kColumns) {
    sum += static_cast<double>(rows[i]);
    squares += std::pow(static_cast<double>(rows[i]), 2);
    ++count;
  }
  return std::sqrt(squares / count - std::pow(sum / count, 2));
}

TEST(DecoderMeans, AreGivenTheDeviationsOfTheRealsAndWhatIsWiderStays) {
  const auto reals = normal_columns(2000, 1, {4, 2, 1, 0.5F});
  const auto samples = normal_columns(1500, 2, {4.8F, 1, 0, 0.25F});
  const auto made = as_wide_as_reals({reals, kColumns}, {samples, kColumns});
  ASSERT_EQ(made.size(), samples.size());
  for (size_t i = 0; i < made.size(); i += kColumns) EXPECT_EQ(made[i], samples[i]);
  EXPECT_NEAR(deviation_of_column(made, 1), deviation_of_column(reals, 1), 1e-3);
  EXPECT_NEAR(deviation_of_column(made, 2), deviation_of_column(reals, 2), 0.06);
  EXPECT_NEAR(deviation_of_column(made, 3), deviation_of_column(reals, 3), 1e-3);
}

double lost_mass_of(const std::vector<float>& reals, const std::vector<float>& samples,
                    bool decoder_means) {
  Comparison comparison{.names = {"the data"}, .shares = {1.0}, .decoder_means = decoder_means};
  const FeatureRows rows{
      .width = kColumns, .features = reals, .modes = std::vector<int64_t>(reals.size() / kColumns)};
  comparison.reference = make_reference(rows, 1);
  comparison.reference.parts = make_part_reference({reals, kColumns});
  for (const Figure& figure : figures())
    comparison.nulls.emplace_back(std::vector<double>(50, 1.0), figure.worse);
  Evidence evidence;
  add_comparison(comparison,
                 {.width = kColumns,
                  .features = samples,
                  .modes = std::vector<int64_t>(samples.size() / kColumns)},
                 0.001, evidence);
  return evidence.parts->lost_mass;
}

// Of a linear VAE whose KL costs three times as much, on a normal law with variances 16, 8, 4, 2: a
// direction keeps what its variance is more than 3, and none of the last.
TEST(DecoderMeans, LoseNothingThatTheyAreTooNarrowFor) {
  const auto reals = normal_columns(5000, 3, {4, std::sqrt(8.0F), 2, std::sqrt(2.0F)});
  const auto means = normal_columns(4000, 4, {std::sqrt(13.0F), std::sqrt(5.0F), 1, 0});
  EXPECT_GT(lost_mass_of(reals, means, false), 0.05);
  EXPECT_EQ(lost_mass_of(reals, means, true), 0);
}

TEST(DecoderMeans, WithoutAGroupOfTheDataLackIt) {
  const auto groups = [](int64_t rows, uint64_t seed, int64_t made) {
    auto values = normal_columns(rows, seed, {0.5F, 0.5F, 0.5F, 0});
    for (int64_t row = 0; row < rows; ++row)
      values[static_cast<size_t>(row * kColumns + row % made % 3)] += row % made < 3 ? 6 : -6;
    return values;
  };
  auto reals = groups(5000, 5, 6);
  for (size_t i = 3; i < reals.size(); i += kColumns) reals[i] = 0.1F * static_cast<float>(i % 7);
  // Without the group its column is narrower, too: what is beside it is stretched away from it.
  const double lost = lost_mass_of(reals, groups(4000, 6, 5), true);
  EXPECT_GT(lost, 0.14);
  EXPECT_LT(lost, 0.23);
}

}  // namespace
}  // namespace allmodes::diagnostics
