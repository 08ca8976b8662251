// Metrics over ranks, feature spaces, and information between samples and codes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/features/feature_space.h"
#include "diagnostics/latents/mutual_information.h"
#include "diagnostics/metrics/picture_detail.h"
#include "diagnostics/metrics/pooled_null.h"
#include "diagnostics/metrics/sample_metrics.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnostics {
namespace {

// Ten groups on a circle of radius 3 in eight dimensions; samples of the groups from `skip` on.
std::vector<float> groups(int64_t rows, uint64_t seed, int64_t skip = 0) {
  std::vector<float> values(static_cast<size_t>(rows * 8));
  fill_normal({seed, Purpose("groups")}, 0, rows, 8, values.data());
  for (int64_t row = 0; row < rows; ++row) {
    const double angle = 0.2 * M_PI * static_cast<double>(skip + row % (10 - skip));
    auto* value = values.data() + row * 8;
    for (int i = 0; i < 8; ++i) value[i] *= 0.3F;
    value[0] += static_cast<float>(3 * std::cos(angle));
    value[1] += static_cast<float>(3 * std::sin(angle));
  }
  return values;
}

SampleMetrics measure(const std::vector<float>& reals, const std::vector<float>& fakes,
                      int ranks = 1) {
  SampleMetrics of_last;
  testing::run_ranks(ranks, [&](world::Communicator& communicator) {
    auto metrics = measure_samples(communicator, {reals, 8}, {fakes, 8}, {});
    if (communicator.rank() == communicator.size() - 1) of_last = std::move(metrics);
  });
  return of_last;
}

TEST(SampleMetrics, CountsAreEqualAndRealsAgreeOnAnyNumberOfRanks) {
  const auto reals = groups(503, 1);
  const auto fakes = groups(389, 2, 2);
  const SampleMetrics alone = measure(reals, fakes);
  for (const int ranks : {2, 4, 8}) {
    const SampleMetrics split = measure(reals, fakes, ranks);
    EXPECT_EQ(split.neighborhood.precision, alone.neighborhood.precision);
    EXPECT_EQ(split.neighborhood.recall, alone.neighborhood.recall);
    EXPECT_EQ(split.neighborhood.density, alone.neighborhood.density);
    EXPECT_EQ(split.neighborhood.coverage, alone.neighborhood.coverage);
    EXPECT_EQ(split.covered, alone.covered);
    EXPECT_EQ(split.nearest_real, alone.nearest_real);
    EXPECT_EQ(split.nearest_of_real, alone.nearest_of_real);
    EXPECT_EQ(split.support_ratio, alone.support_ratio);
    EXPECT_EQ(split.cells.different, alone.cells.different);
    EXPECT_EQ(split.cells.jensen_shannon, alone.cells.jensen_shannon);
    EXPECT_NEAR(*split.frechet_distance, *alone.frechet_distance, 1e-9);
    EXPECT_NEAR(*split.vendi, *alone.vendi, 1e-9);
    EXPECT_NEAR(split.kernel_distance, alone.kernel_distance, 1e-9);
  }
}

PooledFigures pooled_of(const std::vector<float>& reals, const std::vector<float>& fakes,
                        int ranks = 1) {
  PooledFigures measured;
  testing::run_ranks(ranks, [&](world::Communicator& communicator) {
    auto found = measure_pooled(communicator, {reals, 8}, {fakes, 8}, {}, 20, 1);
    if (communicator.rank() == 0) measured = std::move(found);
  });
  return measured;
}

double pooled_value(const PooledFigures& measured, const std::string& name) {
  const auto at = std::ranges::find(kPooledFigures, name) - kPooledFigures.begin();
  return measured.values.at(static_cast<size_t>(at));
}

TEST(PooledFigures, ALostGroupIsAPlaceWithoutSamplesOnAnyNumberOfRanks) {
  const auto reals = groups(600, 1);
  const auto lost = pooled_of(reals, groups(600, 2, 1));
  EXPECT_NEAR(pooled_value(lost, "local_loss"), 0.1, 0.01);
  int64_t wrong = 0;  // a row between two groups may be taken for the other one's
  for (size_t row = 0; row < 600; ++row) wrong += lost.emptied[row] != (row % 10 == 0) ? 1 : 0;
  EXPECT_LE(wrong, 6);
  EXPECT_LT(pooled_value(pooled_of(reals, groups(600, 2)), "local_loss"), 0.01);
  EXPECT_EQ(pooled_of(reals, groups(600, 2, 1), 3).values, lost.values);
}

// Rows of eight numbers, of which one is 1: the row's value, of so many.
std::vector<float> repeated_values(int64_t rows, int64_t values) {
  std::vector<float> made(static_cast<size_t>(rows) * 8, 0);
  for (int64_t row = 0; row < rows; ++row) made[static_cast<size_t>(row * 8 + row % values)] = 1;
  return made;
}

TEST(PooledFigures, OfDataThatRepeatAFewValuesArePreciseInTheNullToo) {
  for (const int64_t values : {1, 5}) {
    const auto found = pooled_of(repeated_values(400, values), repeated_values(400, values));
    EXPECT_GT(pooled_value(found, "precision"), 0.99) << values;
    EXPECT_GT(pooled_value(found, "recall"), 0.99) << values;
    const auto at = std::ranges::find(kPooledFigures, "precision") - kPooledFigures.begin();
    EXPECT_GT(std::ranges::min(found.draws.at(static_cast<size_t>(at))), 0.99) << values;
    EXPECT_LT(std::abs(pooled_value(found, "local_loss")), 0.05) << values;
  }
  // Of five values one is not made: the places around a fifth of the reals.
  const auto lost = pooled_of(repeated_values(400, 5), repeated_values(400, 4));
  EXPECT_NEAR(pooled_value(lost, "local_loss"), 0.2, 0.02);
}

TEST(PooledFigures, FewThingsInManyCopiesAreNearFakesAndOtherSamplesAreNot) {
  const auto reals = groups(600, 1);
  auto repeated = groups(600, 2);
  std::vector<float> noise(repeated.size());
  fill_normal({3, Purpose("groups")}, 0, 600, 8, noise.data());
  for (size_t row = 0; row < 60; ++row)  // one in ten is one of six things
    for (size_t j = 0; j < 8; ++j)
      repeated[row * 8 + j] = repeated[(row % 6) * 8 + j] + 0.002F * noise[row * 8 + j];
  EXPECT_NEAR(pooled_value(pooled_of(reals, repeated), "near_fakes"), 0.1, 0.01);
  EXPECT_LT(pooled_value(pooled_of(reals, groups(600, 2)), "near_fakes"), 0.005);
}

TEST(PooledFigures, FourCopiesOfEachThingWithMuchNoiseAreNearOthersAndNarrowSamplesAreNot) {
  const auto reals = groups(600, 1);
  auto copied = groups(600, 2);
  std::vector<float> noise(copied.size());
  fill_normal({3, Purpose("groups")}, 0, 600, 8, noise.data());
  for (size_t row = 0; row < 80; ++row)  // one row in 7.5 is one of twenty things
    for (size_t j = 0; j < 8; ++j)
      copied[row * 8 + j] = copied[(row % 20) * 8 + j] + 0.04F * noise[row * 8 + j];
  const auto found = pooled_of(reals, copied);
  EXPECT_GT(pooled_value(found, "near_own"), 0.1);
  EXPECT_LT(pooled_value(found, "near_fakes"), 0.09);
  int64_t marked = 0;
  for (size_t row = 0; row < 80; ++row) marked += found.near_own[row];
  EXPECT_GE(marked, 64);
  EXPECT_LT(pooled_value(pooled_of(reals, groups(600, 2)), "near_own"), 0.02);
  auto narrow = groups(600, 2);
  for (float& value : narrow) value *= 0.7F;
  EXPECT_LT(pooled_value(pooled_of(reals, narrow), "near_own"), 0.02);
}

TEST(PictureDetail, IsWeakOfBlurredPicturesAndStrongOfNoisyOnes) {
  std::vector<float> reals(200 * 64);
  std::vector<float> others(200 * 64);
  fill_normal({4, Purpose("pictures")}, 0, 200, 64, reals.data());
  fill_normal({5, Purpose("pictures")}, 0, 200, 64, others.data());
  std::vector<int64_t> nearest(200);
  for (int64_t i = 0; i < 200; ++i) nearest[static_cast<size_t>(i)] = (i + 1) % 200;
  const auto detail = [&](const std::vector<float>& fakes) {
    return compare_detail({reals, fakes, 1, 8, 8}, nearest, nearest);
  };
  EXPECT_NEAR(detail(others).ratio, 1, 0.15);
  EXPECT_GT(detail(others).log10_tail, -3);
  std::vector<float> blurred = others;
  for (size_t row = 0; row < 200; ++row)
    for (size_t y = 0; y < 8; ++y)
      for (size_t x = 0; x + 1 < 8; ++x)
        blurred[row * 64 + y * 8 + x] =
            0.5F * (others[row * 64 + y * 8 + x] + others[row * 64 + y * 8 + x + 1]);
  EXPECT_LT(detail(blurred).ratio, 0.75);
  EXPECT_LT(detail(blurred).log10_tail, -6);
  for (float& value : others) value *= 2;
  EXPECT_NEAR(detail(others).ratio, 4, 0.6);
}

TEST(SampleMetrics, RefuseFewerSamplesThanNeighbours) {
  EXPECT_THROW(measure(groups(5, 1), groups(50, 2)), Error);
  EXPECT_THROW(measure(groups(50, 1), groups(5, 2)), Error);
}

TEST(FeatureSpace, PrincipalComponentsFindTheDirectionsOfVariance) {
  // Variance 9 along (3, 4) / 5, 1 across it, nothing along the third axis.
  std::vector<float> noise(2000 * 2);
  fill_normal({9, Purpose("plane")}, 0, 2000, 2, noise.data());
  std::vector<float> values;
  for (size_t row = 0; row < 2000; ++row) {
    const float along = 3 * noise[2 * row];
    const float across = noise[2 * row + 1];
    values.insert(values.end(),
                  {0.6F * along - 0.8F * across + 7, 0.8F * along + 0.6F * across - 1, 2});
  }
  const Features plane{values, 3};
  const Projection projection = principal_components(plane, 2);
  EXPECT_NEAR(std::abs(projection.directions[0]), 0.6, 0.02);
  EXPECT_NEAR(std::abs(projection.directions[1]), 0.8, 0.02);
  EXPECT_NEAR(projection.directions[2], 0, 1e-5);
  // Distances in the plane are kept, and parts that begin at blocks have the bits of the whole.
  const auto mapped = project(plane, projection, all_rows(plane));
  EXPECT_NEAR(squared_distance(Features{mapped, 2}.row(3), Features{mapped, 2}.row(1999)),
              squared_distance(plane.row(3), plane.row(1999)), 1e-3);
  const auto part = project(plane, projection, {500, 1250});
  EXPECT_TRUE(std::equal(part.begin(), part.end(), mapped.begin() + 2 * 500));
}

TEST(FeatureSpace, RandomConvolutionsTellImagesApartAndNotTheRanks) {
  std::vector<float> images(600 * 3 * 64);
  fill_normal({10, Purpose("images")}, 0, 600, 3 * 64, images.data());
  const auto all = random_conv_features(images, 3, 8, 8, {0, 600});
  ASSERT_EQ(all.size(), 600 * static_cast<size_t>(kRandomConvFeatures));
  const auto part = random_conv_features(images, 3, 8, 8, {250, 600});
  EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + 250 * kRandomConvFeatures));
  const Features features{all, kRandomConvFeatures};
  EXPECT_GT(squared_distance(features.row(0), features.row(1)), 0.1);
}

TEST(LatentInformation, OfSeparatePosteriorsIsTheLogarithmOfTheirNumber) {
  std::vector<float> means;
  for (int i = 0; i < 50; ++i) means.push_back(100.0F * static_cast<float>(i));
  const std::vector<float> log_variances(50, 0.0F);
  const NoiseKey key{1, Purpose("test")};
  EXPECT_NEAR(information_sum(means, log_variances, 1, 0, 50, key) / 50, std::log(50.0), 1e-9);
  const std::vector<float> same(50, 3.0F);
  EXPECT_NEAR(information_sum(same, log_variances, 1, 0, 50, key), 0, 1e-9);
  EXPECT_NEAR(information_sum(means, log_variances, 1, 0, 17, key) +
                  information_sum(means, log_variances, 1, 17, 50, key),
              50 * std::log(50.0), 1e-7);
}

TEST(LatentInformation, OfAGaussianChannelIsTheClosedForm) {
  // mu ~ N(0, v), sigma^2 = 1 - v: the aggregate is N(0, 1), I = -1/2 ln(1 - v).
  constexpr double kVariance = 0.75;
  std::vector<float> means(3000);
  fill_normal({2, Purpose("channel")}, 0, 3000, 1, means.data());
  for (float& mean : means) mean *= static_cast<float>(std::sqrt(kVariance));
  const std::vector<float> log_variances(3000, static_cast<float>(std::log(1 - kVariance)));
  const double found =
      information_sum(means, log_variances, 1, 0, 3000, {3, Purpose("channel z")}) / 3000;
  EXPECT_NEAR(found, -0.5 * std::log(1 - kVariance), 0.04);
}

}  // namespace
}  // namespace allmodes::diagnostics
