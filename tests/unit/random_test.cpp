// Counter-based random numbers: known answers, distributions, and that a value depends on its key
// and index alone.

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace allmodes {
namespace {

using Block = std::array<uint32_t, 4>;

constexpr int64_t kMany = 1 << 20;

std::vector<float> normals(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values) {
  std::vector<float> out(static_cast<size_t>(samples * values));
  fill_normal(key, first, samples, values, out.data());
  return out;
}

std::vector<float> uniforms(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values) {
  std::vector<float> out(static_cast<size_t>(samples * values));
  fill_uniform(key, first, samples, values, out.data());
  return out;
}

double mean_of(const std::vector<float>& values, int power) {
  double sum = 0;
  for (const float x : values) sum += std::pow(static_cast<double>(x), power);
  return sum / static_cast<double>(values.size());
}

// Of Random123's kat_vectors, philox4x32 with 10 rounds.
TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Bounds are five standard errors of n = 2^20 draws.
TEST(Normals, HaveTheMomentsOfTheStandardNormal) {
  const auto x = normals({.seed = 1, .purpose = Purpose("moments")}, 0, kMany / 4, 4);
  const double error = 1 / std::sqrt(static_cast<double>(kMany));
  EXPECT_NEAR(mean_of(x, 1), 0, 5 * error);
  EXPECT_NEAR(mean_of(x, 2), 1, 5 * error * std::sqrt(2.0));
  EXPECT_NEAR(mean_of(x, 3), 0, 5 * error * std::sqrt(15.0));
  EXPECT_NEAR(mean_of(x, 4), 3, 5 * error * std::sqrt(96.0));
}

TEST(Normals, HaveTheTailsOfTheStandardNormal) {
  const auto x = normals({.seed = 2, .purpose = Purpose("tails")}, 0, kMany / 4, 4);
  for (const double level : {1.0, 2.0, 3.0, 4.0}) {
    const double expected = 0.5 * std::erfc(level / std::sqrt(2.0)) * kMany;
    const auto above = std::count_if(x.begin(), x.end(), [&](float v) { return v > level; });
    const auto below = std::count_if(x.begin(), x.end(), [&](float v) { return v < -level; });
    EXPECT_NEAR(static_cast<double>(above), expected, 5 * std::sqrt(expected)) << level;
    EXPECT_NEAR(static_cast<double>(below), expected, 5 * std::sqrt(expected)) << level;
  }
  // 24 bits of a radius end at sqrt(-2 ln 2^-25).
  for (const float v : x) ASSERT_LE(std::abs(v), 5.9F);
}

TEST(Normals, AreUncorrelatedOverValuesSamplesStepsAndPurposes) {
  const int64_t n = 1 << 16;
  const auto x = normals({.seed = 3, .purpose = Purpose("a")}, 0, n, 4);
  const auto step = normals({.seed = 3, .purpose = Purpose("a"), .step = 1}, 0, n, 4);
  const auto purpose = normals({.seed = 3, .purpose = Purpose("b")}, 0, n, 4);
  const auto seed = normals({.seed = 4, .purpose = Purpose("a")}, 0, n, 4);
  const auto correlation = [&](const std::vector<float>& y, size_t shift) {
    double sum = 0;
    for (size_t i = 0; i + shift < x.size(); ++i)
      sum += static_cast<double>(x[i + shift]) * static_cast<double>(y[i]);
    return sum / static_cast<double>(x.size());
  };
  const double bound = 5 / std::sqrt(4.0 * static_cast<double>(n));
  for (const size_t shift : {1U, 2U, 3U, 4U, 8U}) EXPECT_NEAR(correlation(x, shift), 0, bound);
  EXPECT_NEAR(correlation(step, 0), 0, bound);
  EXPECT_NEAR(correlation(purpose, 0), 0, bound);
  EXPECT_NEAR(correlation(seed, 0), 0, bound);
}

TEST(Uniforms, FillTheUnitIntervalEvenly) {
  const auto x = uniforms({.seed = 5, .purpose = Purpose("uniform")}, 0, kMany / 4, 4);
  std::array<int64_t, 16> bins{};
  for (const float v : x) {
    ASSERT_GE(v, 0.0F);
    ASSERT_LT(v, 1.0F);
    ++bins[static_cast<size_t>(v * 16)];
  }
  double chi_squared = 0;
  const double expected = kMany / 16.0;
  for (const int64_t count : bins) {
    const double gap = static_cast<double>(count) - expected;
    chi_squared += gap * gap / expected;
  }
  EXPECT_LT(chi_squared, 45);  // 15 degrees of freedom: p = 8e-5
}

TEST(Noise, DoesNotDependOnHowTheBatchIsSplitOverRanks) {
  const NoiseKey key{.seed = 6, .purpose = Purpose("split"), .step = 1234567};
  for (const int64_t values : {1, 3, 4, 7, 64}) {
    const int64_t batch = 24;
    const auto whole = normals(key, 1000, batch, values);
    for (const int64_t ranks : {2, 3, 4, 24}) {
      std::vector<float> joined;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        const auto part =
            normals(key, 1000 + static_cast<uint64_t>(rank * batch / ranks), batch / ranks, values);
        joined.insert(joined.end(), part.begin(), part.end());
      }
      EXPECT_EQ(joined, whole) << values << " values on " << ranks << " ranks";
    }
  }
}

TEST(Noise, OfFarIndicesAndStepsDiffers) {
  std::set<float> seen;
  for (const uint64_t index : {0ULL, 1ULL, 1ULL << 32, (1ULL << 48) - 1})
    for (const uint64_t step : {0ULL, 1ULL, 1ULL << 32, (1ULL << 48) - 1})
      seen.insert(normals({.seed = 7, .purpose = Purpose("far"), .step = step}, index, 1, 1)[0]);
  EXPECT_EQ(seen.size(), 16U);
}

TEST(Noise, WritesNothingBehindItsEnd) {
  std::vector<float> out(5 * 3 + 1, -7.0F);
  fill_normal({.seed = 8, .purpose = Purpose("end")}, 0, 5, 3, out.data());
  EXPECT_EQ(out.back(), -7.0F);
}

TEST(SequentialRandom, BelowIsEvenAndRepeatable) {
  const NoiseKey key{.seed = 9, .purpose = Purpose("below")};
  Random random(key);
  Random again(key);
  Random other(key, 1);
  std::array<int, 6> counts{};
  int differs = 0;
  for (int i = 0; i < 60'000; ++i) {
    const uint64_t x = random.below(6);
    ASSERT_EQ(x, again.below(6));
    differs += x != other.below(6) ? 1 : 0;
    ++counts.at(x);
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_GT(differs, 40'000);
  EXPECT_EQ(Random(key).below(1), 0U);
}

TEST(SequentialRandom, NormalAndUniformHaveTheirMoments) {
  Random random({.seed = 10, .purpose = Purpose("sequential")});
  const int n = 200'000;
  double uniform = 0, normal = 0, square = 0;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    uniform += u / n;
    const double x = random.normal();
    normal += x / n;
    square += x * x / n;
  }
  EXPECT_NEAR(uniform, 0.5, 0.004);
  EXPECT_NEAR(normal, 0, 0.012);
  EXPECT_NEAR(square, 1, 0.016);
}

}  // namespace
}  // namespace allmodes
