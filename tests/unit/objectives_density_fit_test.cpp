// Divergences between mixtures by quadrature, and the laws of fitting one Gaussian to two.

#include "objectives/density_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <utility>

namespace allmodes::objectives {
namespace {

PlaneMixture gaussian(double x, double y, double dx, double dy) {
  return {{{x, y}}, {{dx, dy}}, {1}};
}

// w N((-a, 0), I) + (1 - w) N((a, 0), I).
PlaneMixture two_modes(double a, double w = 0.5) {
  return {{{-a, 0}, {a, 0}}, {{1, 1}, {1, 1}}, {w, 1 - w}};
}

double kl_of_gaussians(const PlaneMixture& p, const PlaneMixture& q) {
  double kl = 0;
  for (size_t axis = 0; axis < 2; ++axis) {
    const double dp = p.deviations[0][axis], dq = q.deviations[0][axis];
    const double offset = p.means[0][axis] - q.means[0][axis];
    kl += std::log(dq / dp) + (dp * dp + offset * offset) / (2 * dq * dq) - 0.5;
  }
  return kl;
}

TEST(Quadrature, OfTwoGaussiansIsTheClosedForm) {
  const PlaneMixture p = gaussian(0.3, -1, 1, 0.5), q = gaussian(-0.5, 0.2, 2, 0.8);
  const Divergences found = divergences(p, q);
  EXPECT_NEAR(found.forward_kl, kl_of_gaussians(p, q), 1e-9);
  EXPECT_NEAR(found.reverse_kl, kl_of_gaussians(q, p), 1e-9);
}

TEST(Quadrature, OfEqualsIsZeroAndOfDistantOnesTheJensenShannonIsLn2) {
  const Divergences same = divergences(two_modes(3), two_modes(3));
  EXPECT_NEAR(same.forward_kl, 0, 1e-12);
  EXPECT_NEAR(same.reverse_kl, 0, 1e-12);
  EXPECT_NEAR(same.jensen_shannon, 0, 1e-12);
  const PlaneMixture left = gaussian(-30, 0, 1, 1), right = gaussian(30, 0, 1, 1);
  EXPECT_NEAR(divergences(left, right).jensen_shannon, std::numbers::ln2, 1e-12);
}

TEST(Quadrature, OfOneModeOfTwoThatAreFarApartIsTheLogOfItsWeight) {
  for (const double weight : {0.5, 0.2}) {
    const Divergences found = divergences(two_modes(8, weight), gaussian(-8, 0, 1, 1));
    EXPECT_NEAR(found.reverse_kl, -std::log(weight), 1e-9);
  }
}

TEST(Quadrature, SwapsWithItsArguments) {
  const PlaneMixture p = two_modes(1.5, 0.3), q = gaussian(0.2, 0.1, 1.8, 1.1);
  const Divergences forth = divergences(p, q), back = divergences(q, p);
  EXPECT_DOUBLE_EQ(forth.forward_kl, back.reverse_kl);
  EXPECT_DOUBLE_EQ(forth.jensen_shannon, back.jensen_shannon);
}

TEST(BestGaussian, OfTheForwardKlCoversBothModesWhateverTheirDistance) {
  for (const double a : {0.5, 2.0, 6.0}) {
    const PlaneMixture best = best_gaussian("forward_kl", two_modes(a), gaussian(-a, 0, 1, 1));
    EXPECT_NEAR(best.means[0][0], 0, 1e-12);
    EXPECT_NEAR(best.deviations[0][0], std::sqrt(1 + a * a), 1e-12);
    EXPECT_NEAR(best.deviations[0][1], 1, 1e-12);
    // A minimum: no step aside improves it.
    const double least = divergence("forward_kl", two_modes(a), best);
    for (const auto& [dx, stretch] : {std::pair{0.05, 1.0}, {-0.05, 1.0}, {0.0, 1.03}, {0.0, 0.97}})
      EXPECT_GT(divergence("forward_kl", two_modes(a),
                           gaussian(dx, 0, best.deviations[0][0] * stretch, 1)),
                least);
  }
}

// Between the modes and on one of them there may be a minimum each: the lower one of the two.
PlaneMixture best_by_reverse_kl(double a) {
  const PlaneMixture p = two_modes(a);
  const PlaneMixture between = best_gaussian("reverse_kl", p, gaussian(0.1, 0, 1, 1));
  const PlaneMixture on_one = best_gaussian("reverse_kl", p, gaussian(a - 0.2, 0, 1, 1));
  const bool lower = divergence("reverse_kl", p, on_one) < divergence("reverse_kl", p, between);
  return lower ? on_one : between;
}

TEST(BestGaussian, OfTheReverseKlCoversNearModesAndSeeksOneOfDistantOnes) {
  const PlaneMixture near = best_by_reverse_kl(1.5);
  EXPECT_NEAR(near.means[0][0], 0, 1e-3);
  EXPECT_GT(near.deviations[0][0], 1.3);
  for (const auto& [a, tolerance] : {std::pair{3.0, 0.05}, {5.0, 1e-3}}) {
    const PlaneMixture far = best_by_reverse_kl(a);
    EXPECT_NEAR(far.means[0][0], a, tolerance);
    EXPECT_NEAR(far.deviations[0][0], 1, tolerance);
    EXPECT_NEAR(divergence("reverse_kl", two_modes(a), far), std::numbers::ln2, tolerance / 5);
  }
}

TEST(BestGaussian, OfTheReverseKlPaysTheLogOfTheWeightOfItsMode) {
  const PlaneMixture p = two_modes(5, 0.2);
  const PlaneMixture light = best_gaussian("reverse_kl", p, gaussian(-4, 0, 1, 1));
  const PlaneMixture heavy = best_gaussian("reverse_kl", p, gaussian(4, 0, 1, 1));
  EXPECT_NEAR(light.means[0][0], -5, 1e-3);
  EXPECT_NEAR(heavy.means[0][0], 5, 1e-3);
  EXPECT_NEAR(divergence("reverse_kl", p, light), -std::log(0.2), 1e-4);
  EXPECT_NEAR(divergence("reverse_kl", p, heavy), -std::log(0.8), 1e-4);
}

TEST(BestGaussian, OfTheJensenShannonIsAMinimum) {
  const PlaneMixture p = two_modes(2, 0.4);
  const PlaneMixture best = best_gaussian("jensen_shannon", p, gaussian(0.5, 0, 1.5, 1));
  const double least = divergence("jensen_shannon", p, best);
  for (size_t axis = 0; axis < 2; ++axis) {
    for (const double step : {-0.02, 0.02}) {
      PlaneMixture moved = best;
      moved.means[0][axis] += step;
      EXPECT_GT(divergence("jensen_shannon", p, moved), least);
      moved = best;
      moved.deviations[0][axis] += step;
      EXPECT_GT(divergence("jensen_shannon", p, moved), least);
    }
  }
}

}  // namespace
}  // namespace allmodes::objectives
