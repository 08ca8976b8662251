// Mixture scores, pairwise distances, latent and reconstruction figures.

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/latents/linear_units.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/latents/reconstruction.h"
#include "diagnostics/modes/mixture_scores.h"
#include "diagnostics/statistics/moments.h"

namespace allmodes::diagnostics {
namespace {

// Where to cut n rows into uneven parts: part i gets i + 1 shares.
std::vector<size_t> uneven_cuts(size_t rows, size_t parts) {
  std::vector<size_t> cuts{0};
  for (size_t i = 1; i <= parts; ++i) cuts.push_back(rows * i * (i + 1) / (parts * (parts + 1)));
  return cuts;
}

std::span<const float> rows_of(const std::vector<float>& values, size_t width, size_t first,
                               size_t last) {
  return std::span<const float>(values).subspan(first * width, (last - first) * width);
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12 * (1 + std::abs(b[i])));
}

struct Ring {
  std::vector<double> means;
  std::vector<double> stds;
  Ring() : stds(8, 0.05) {
    for (int k = 0; k < 8; ++k) {
      means.push_back(std::cos(k * 0.25 * M_PI));
      means.push_back(std::sin(k * 0.25 * M_PI));
    }
  }
  Mixture view() const { return {.means = means, .stds = stds}; }
};

std::vector<float> ring_samples(const Ring& ring, size_t count, double width) {
  Random random({.seed = 2, .purpose = Purpose("scores_test")});
  std::vector<float> points;
  for (size_t i = 0; i < count; ++i) {
    const size_t k = random.below(8);
    for (size_t axis = 0; axis < 2; ++axis) {
      points.push_back(
          static_cast<float>(ring.means[2 * k + axis] + width * 0.05 * random.normal()));
    }
  }
  return points;
}

TEST(MixtureScores, PerfectSamplerReachesTheRayleighCeiling) {
  const Ring ring;
  const MixtureCounts counts = count_modes(ring_samples(ring, 200'000, 1), ring.view());
  // Standard error 2.3e-4.
  EXPECT_NEAR(high_quality_share(counts), 1 - std::exp(-4.5), 1e-3);
  EXPECT_EQ(modes_with_quality(counts), 8);
  EXPECT_EQ(counts.samples, 200'000);
}

TEST(MixtureScores, WiderAndNarrowerSamplersFollowTheRayleighDistribution) {
  const Ring ring;
  for (const double width : {0.5, 2.0}) {
    const MixtureCounts counts = count_modes(ring_samples(ring, 50'000, width), ring.view());
    EXPECT_NEAR(high_quality_share(counts), 1 - std::exp(-4.5 / (width * width)), 8e-3);
  }
}

TEST(MixtureScores, TheRadiusIsJointAndExclusive) {
  const std::vector<double> means{0, 0};
  const std::vector<double> stds{1};
  // (2.2, 2.2) is within three deviations on each axis and not jointly; (3, 0) is on the edge.
  const std::vector<float> points{2.2F, 2.2F, 3, 0, 2.9F, 0, 2.1F, 2.1F};
  const MixtureCounts counts = count_modes(points, {.means = means, .stds = stds});
  EXPECT_EQ(counts.high_quality[0], 2);
  EXPECT_EQ(counts.nearest[0], 4);
}

TEST(MixtureScores, NearestIsMeasuredInEachModesOwnDeviations) {
  const std::vector<double> means{0, 0, 10, 0};
  const std::vector<double> stds{3, 0.1};
  const MixtureCounts counts =
      count_modes(std::vector<float>{6, 0, 9.9F, 0}, {.means = means, .stds = stds});
  EXPECT_EQ(counts.nearest, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(counts.high_quality, (std::vector<int64_t>{1, 1}));
}

TEST(MixtureScores, PartsMergeToTheWhole) {
  const Ring ring;
  const std::vector<float> points = ring_samples(ring, 1001, 1.5);
  const MixtureCounts whole = count_modes(points, ring.view());
  for (const size_t parts : {1, 2, 4, 8}) {
    const std::vector<size_t> cuts = uneven_cuts(1001, parts);
    MixtureCounts sum = count_modes({}, ring.view());
    for (size_t i = 0; i < parts; ++i) {
      merge(sum, count_modes(rows_of(points, 2, cuts[i], cuts[i + 1]), ring.view()));
    }
    EXPECT_EQ(sum.nearest, whole.nearest);
    EXPECT_EQ(sum.high_quality, whole.high_quality);
    EXPECT_EQ(sum.samples, whole.samples);
  }
}

TEST(MixtureScores, NonFiniteSamplesAreInNoModeAndOfNoQuality) {
  const Ring ring;
  const MixtureCounts counts =
      count_modes(std::vector<float>{NAN, 0, 1, INFINITY, 1, 0, 1, 0.01F}, ring.view());
  EXPECT_EQ(counts.nonfinite, 2);
  EXPECT_EQ(counts.samples, 2);
  EXPECT_EQ(high_quality_share(counts), 0.5);
  EXPECT_EQ(high_quality_share(count_modes({}, ring.view())), 0);
  EXPECT_THROW(count_modes(std::vector<float>{1}, ring.view()), Error);
  EXPECT_THROW(count_modes({}, Mixture{}), Error);
  const std::vector<double> zero(8);
  EXPECT_THROW(count_modes({}, {.means = ring.means, .stds = zero}), Error);
}

TEST(Moments, MeanAndVarianceOfKnownNumbersAndOfParts) {
  Moments whole;
  std::vector<Moments> parts(8);
  for (int i = 0; i < 100; ++i) {
    add(whole, i);
    add(parts[static_cast<size_t>(i * i % 8)], i);
  }
  EXPECT_DOUBLE_EQ(mean(whole), 49.5);
  EXPECT_NEAR(variance(whole), (100.0 * 100 - 1) / 12, 1e-10);
  Moments sum;
  for (const Moments& part : parts) merge(sum, part);
  EXPECT_EQ(sum.count, whole.count);
  EXPECT_NEAR(variance(sum), variance(whole), 1e-9);
  EXPECT_TRUE(std::isnan(mean(Moments{})));
  EXPECT_EQ(variance({.count = 1, .sum = 3, .sum_squares = 9}), 0);
}

TEST(Moments, PairsAreOfDifferentRowsUniformAndIndependentOfHowManyAreAsked) {
  const NoiseKey key{.seed = 4, .purpose = Purpose("diversity"), .step = 50};
  const std::vector<Pair> pairs = random_pairs(key, 5, 20'000);
  std::vector<int> counts(25);
  for (const Pair& pair : pairs) ++counts[pair.first * 5 + pair.second];
  for (size_t i = 0; i < 25; ++i) {
    // 1000 expected, standard deviation 31.
    EXPECT_NEAR(counts[i], i % 6 == 0 ? 0 : 1000, i % 6 == 0 ? 0 : 150);
  }
  const std::vector<Pair> fewer = random_pairs(key, 5, 7);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(fewer[i].first, pairs[i].first);
    EXPECT_EQ(fewer[i].second, pairs[i].second);
  }
  EXPECT_THROW(random_pairs(key, 1, 1), Error);
}

TEST(Moments, PairwiseDistanceOfAStandardNormalIsTheClosedForm) {
  // |x - y| of two N(0, I_2) is Rayleigh with scale sqrt(2): mean sqrt(pi).
  const NoiseKey key{.seed = 4, .purpose = Purpose("normal")};
  std::vector<float> values(2 * 4000);
  fill_normal(key, 0, 4000, 2, values.data());
  const std::vector<Pair> pairs = random_pairs(key, 4000, 20'000);
  const Moments moments = pair_distances(values, 2, pairs);
  EXPECT_NEAR(mean(moments), std::sqrt(M_PI), 0.03);
  Moments parts;
  const std::span<const Pair> all(pairs);
  merge(parts, pair_distances(values, 2, all.first(123)));
  merge(parts, pair_distances(values, 2, all.subspan(123)));
  EXPECT_NEAR(mean(parts), mean(moments), 1e-12);
  EXPECT_NEAR(diversity_ratio(moments, parts), 1, 1e-12);
}

TEST(Moments, RepeatedSamplesHaveNoDiversity) {
  const std::vector<Pair> pairs{{0, 1}, {1, 2}};
  const Moments same = pair_distances(std::vector<float>{1, 2, 1, 2, 1, 2}, 2, pairs);
  const Moments real = pair_distances(std::vector<float>{0, 0, 3, 4, 0, 0}, 2, pairs);
  EXPECT_EQ(mean(real), 5);
  EXPECT_EQ(diversity_ratio(same, real), 0);
  EXPECT_EQ(diversity_ratio(same, same), 1);
  EXPECT_EQ(diversity_ratio(real, same), INFINITY);
  EXPECT_TRUE(std::isnan(mean(pair_distances(std::vector<float>{NAN, 0}, 1, {pairs.data(), 1}))));
  EXPECT_THROW(pair_distances(std::vector<float>{0, 0}, 1, pairs), Error);
}

// The linear VAE's optimum (Lucas et al. 2019): data variances lambda, decoder variance s2, weight
// beta; mu = sqrt(lambda - beta s2) x / lambda, sigma^2 = beta s2 / lambda where lambda > beta s2.
struct LinearVae {
  std::vector<double> lambda{4, 2, 1, 0.5, 0.2};
  double noise = 0.6;  // beta * s2
  std::vector<float> mean;
  std::vector<float> log_variance;
  size_t samples = 40'000;

  LinearVae() {
    Random random({.seed = 3, .purpose = Purpose("linear_vae")});
    for (size_t i = 0; i < samples; ++i) {
      for (const double l : lambda) {
        const double x = std::sqrt(l) * random.normal();
        mean.push_back(static_cast<float>(l > noise ? std::sqrt(l - noise) * x / l : 0));
        log_variance.push_back(static_cast<float>(l > noise ? std::log(noise / l) : 0));
      }
    }
  }
};

TEST(Latent, LinearVaeHasTheClosedForms) {
  const LinearVae vae;
  LatentSums sums = make_latent_sums(5);
  add(sums, vae.mean, vae.log_variance);
  const std::vector<double> kl = kl_per_dimension(sums);
  const std::vector<double> active = activity(sums);
  const std::vector<double> aggregate = aggregate_kl_per_dimension(sums);
  double total = 0;
  for (size_t i = 0; i < 5; ++i) {
    const bool alive = vae.lambda[i] > vae.noise;
    const double exact = alive ? 0.5 * std::log(vae.lambda[i] / vae.noise) : 0;
    EXPECT_NEAR(kl[i], exact, 0.01) << i;
    EXPECT_NEAR(active[i], alive ? 1 - vae.noise / vae.lambda[i] : 0, 0.02) << i;
    EXPECT_NEAR(aggregate[i], 0, 1e-3) << i;
    total += exact;
  }
  EXPECT_NEAR(kl_total(sums), total, 0.02);
  EXPECT_EQ(active_units(sums), 3);
}

TEST(Latent, LinearVaeClosedFormIsExactWhenTheDataHasExactVariance) {
  // x = +-sqrt(lambda) in equal parts.
  const double lambda = 2;
  const double noise = 0.5;
  const auto mean = static_cast<float>(std::sqrt((lambda - noise) / lambda));
  const auto log_variance = static_cast<float>(std::log(noise / lambda));
  LatentSums sums = make_latent_sums(1);
  add(sums, std::vector<float>{mean, -mean}, std::vector<float>{log_variance, log_variance});
  EXPECT_NEAR(kl_total(sums), 0.5 * std::log(lambda / noise), 1e-7);
  EXPECT_NEAR(activity(sums)[0], 1 - noise / lambda, 1e-7);
  EXPECT_NEAR(aggregate_kl_per_dimension(sums)[0], 0, 1e-7);
}

TEST(Latent, ActivityIsAboutTheMeanAndItsThresholdIsExclusive) {
  LatentSums sums = make_latent_sums(3);
  // Variances 0 (about 5), 0.0025, 0.0225.
  add(sums, std::vector<float>{5, 0.05F, 0.15F, 5, -0.05F, -0.15F}, std::vector<float>(6));
  EXPECT_NEAR(activity(sums)[0], 0, 1e-12);
  EXPECT_NEAR(activity(sums)[1], 0.0025, 1e-8);
  EXPECT_EQ(active_units(sums), 1);
  EXPECT_NEAR(aggregate_kl_per_dimension(sums)[0], 12.5, 1e-12);
}

TEST(Latent, PartsMergeToTheWhole) {
  const LinearVae vae;
  LatentSums whole = make_latent_sums(5);
  add(whole, vae.mean, vae.log_variance);
  for (const size_t parts : {1, 2, 4, 8}) {
    const std::vector<size_t> cuts = uneven_cuts(vae.samples, parts);
    LatentSums sum = make_latent_sums(5);
    for (size_t i = 0; i < parts; ++i) {
      LatentSums part = make_latent_sums(5);
      add(part, rows_of(vae.mean, 5, cuts[i], cuts[i + 1]),
          rows_of(vae.log_variance, 5, cuts[i], cuts[i + 1]));
      merge(sum, part);
    }
    EXPECT_EQ(sum.count, whole.count);
    EXPECT_EQ(active_units(sum), active_units(whole));
    expect_near(kl_per_dimension(sum), kl_per_dimension(whole));
    expect_near(activity(sum), activity(whole));
    expect_near(aggregate_kl_per_dimension(sum), aggregate_kl_per_dimension(whole));
  }
}

TEST(Latent, OneSampleNanAndNoSampleHaveDefinedAnswers) {
  LatentSums sums = make_latent_sums(2);
  EXPECT_THROW(kl_total(sums), Error);
  add(sums, std::vector<float>{1, 0}, std::vector<float>{0, 0});
  EXPECT_EQ(kl_total(sums), 0.5);
  EXPECT_EQ(active_units(sums), 0);
  add(sums, std::vector<float>{NAN, 2}, std::vector<float>{0, 0});
  EXPECT_TRUE(std::isnan(kl_total(sums)));
  EXPECT_EQ(active_units(sums), 1);
  EXPECT_THROW(add(sums, std::vector<float>{1}, std::vector<float>{1}), Error);
  EXPECT_THROW(make_latent_sums(0), Error);
}

TEST(Reconstruction, R2IsOneForACopyAndZeroForTheMean) {
  std::vector<float> inputs(3 * 500);
  fill_normal({.seed = 5, .purpose = Purpose("inputs")}, 0, 500, 3, inputs.data());
  std::vector<float> training_mean{0.5F, -1, 2};
  std::vector<float> means;
  std::vector<float> halves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] += training_mean[i % 3];
    means.push_back(training_mean[i % 3]);
    halves.push_back(0.5F * (inputs[i] + training_mean[i % 3]));
  }
  const auto figures = [&](const std::vector<float>& reconstructions) {
    ReconstructionSums sums = make_reconstruction_sums(3);
    add(sums, inputs, reconstructions, training_mean);
    return std::pair(r2_against_mean(sums).value(), variance_ratio(sums).value());
  };
  EXPECT_EQ(figures(inputs).first, 1);
  EXPECT_NEAR(figures(inputs).second, 1, 1e-12);
  EXPECT_EQ(figures(means).first, 0);
  EXPECT_EQ(figures(means).second, 0);
  // Half way to the mean: a quarter of the error, a quarter of the variance.
  EXPECT_NEAR(figures(halves).first, 0.75, 1e-6);
  EXPECT_NEAR(figures(halves).second, 0.25, 1e-6);
}

TEST(Reconstruction, ADecoderThatIgnoresItsInputHasNoVarianceWhateverItAnswers) {
  ReconstructionSums sums = make_reconstruction_sums(2);
  add(sums, std::vector<float>{0, 0, 1, 2}, std::vector<float>{9, 7, 9, 7},
      std::vector<float>{0.5F, 1});
  EXPECT_LT(r2_against_mean(sums).value(), 0);
  EXPECT_NEAR(variance_ratio(sums).value(), 0, 1e-12);
}

TEST(Reconstruction, PartsMergeToTheWhole) {
  std::vector<float> inputs(3 * 999);
  std::vector<float> outputs(3 * 999);
  fill_uniform({.seed = 5, .purpose = Purpose("a")}, 0, 999, 3, inputs.data());
  fill_uniform({.seed = 5, .purpose = Purpose("b")}, 0, 999, 3, outputs.data());
  const std::vector<float> center{0.5F, 0.5F, 0.4F};
  ReconstructionSums whole = make_reconstruction_sums(3);
  add(whole, inputs, outputs, center);
  for (const size_t parts : {1, 2, 4, 8}) {
    const std::vector<size_t> cuts = uneven_cuts(999, parts);
    ReconstructionSums sum = make_reconstruction_sums(3);
    for (size_t i = 0; i < parts; ++i) {
      ReconstructionSums part = make_reconstruction_sums(3);
      add(part, rows_of(inputs, 3, cuts[i], cuts[i + 1]), rows_of(outputs, 3, cuts[i], cuts[i + 1]),
          center);
      merge(sum, part);
    }
    EXPECT_EQ(sum.count, whole.count);
    EXPECT_NEAR(r2_against_mean(sum).value(), r2_against_mean(whole).value(), 1e-12);
    EXPECT_NEAR(variance_ratio(sum).value(), variance_ratio(whole).value(), 1e-12);
  }
}

TEST(Reconstruction, DataWithoutVarianceHasNoScore) {
  ReconstructionSums sums = make_reconstruction_sums(1);
  EXPECT_FALSE(r2_against_mean(sums));
  EXPECT_FALSE(variance_ratio(sums));
  add(sums, std::vector<float>{2, 2}, std::vector<float>{1, 3}, std::vector<float>{2});
  EXPECT_FALSE(r2_against_mean(sums));
  EXPECT_FALSE(variance_ratio(sums));
  add(sums, std::vector<float>{3}, std::vector<float>{NAN}, std::vector<float>{2});
  EXPECT_TRUE(std::isnan(r2_against_mean(sums).value()));
  EXPECT_THROW(add(sums, std::vector<float>{3}, {}, std::vector<float>{2}), Error);
}

// Of a prior of variance 0.01 a code that varies by 0.0004 is active; of N(0, 1) it is not.
TEST(Latent, ActiveUnitsGoByThePriorsScale) {
  LatentSums sums = make_latent_sums(1);
  const std::vector<float> codes = {-0.02F, 0.02F, -0.02F, 0.02F};
  add(sums, codes);
  EXPECT_EQ(active_units(sums), 0);
  EXPECT_EQ(active_units(sums, 0.01), 1);
  EXPECT_EQ(active_units(sums, 1.0), 0);
}

// Variances 16, 8, 4, 2 and 60 of 0.01 with noise 3: three units; what is left of each is 9 / its
// variance, and all of the others.
TEST(LinearUnits, AreThoseThatTheDataVaryByMoreThanTheNoise) {
  const std::vector<double> variances = {16, 8, 4, 2};
  const LinearUnits found = linear_units(variances, 30.6, 3, 4);
  EXPECT_EQ(found.units, 3);
  EXPECT_NEAR(found.residual, (9.0 / 16 + 9.0 / 8 + 9.0 / 4 + 2.6) / 30.6, 1e-12);
  EXPECT_EQ(linear_units(variances, 30.6, 32, 4).units, 0);
  EXPECT_EQ(linear_units(variances, 30.6, 3, 2).units, 2);
}

}  // namespace
}  // namespace allmodes::diagnostics
