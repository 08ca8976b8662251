// Class-conditional GANs: both players read the labels, and their gradients are the whole loss's.

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "ranks/objective_fixture.h"
#include "ranks/small_gan.h"

namespace allmodes::objectives {
namespace {

using small::real;
using small::small_gan;
using testing::DoubleFamily;
using testing::expect_gradient_of_finite_differences;

double number_of(const at::Tensor& scalar) {
  return scalar.item<double>();
}

at::Tensor six_labels(std::vector<int64_t> labels) {
  return at::tensor(labels, at::kLong);
}

config::Gan conditional_gan(const std::string& conditioning) {
  config::Gan gan = small_gan();
  gan.conditioning = conditioning;
  gan.mode_seeking = 0.5;
  return gan;
}

TEST(ConditionalGan, GradientsAreThoseOfTheWholeLoss) {
  for (const auto conditioning : {"projection", "concatenation"}) {
    SCOPED_TRACE(conditioning);
    config::Gan gan = conditional_gan(conditioning);
    gan.penalty = {{.kind = "r2"}};
    DoubleFamily family(gan, 3, /*classes=*/4);
    EXPECT_TRUE(family.objective().conditional());
    family.labels = six_labels({0, 1, 2, 3, 1, 0});
    expect_gradient_of_finite_differences(family, "discriminator", real());
    expect_gradient_of_finite_differences(family, "generator", real());
  }
}

TEST(ConditionalGan, BothPlayersReadTheLabels) {
  for (const auto conditioning : {"projection", "concatenation"}) {
    SCOPED_TRACE(conditioning);
    DoubleFamily family(conditional_gan(conditioning), 3, /*classes=*/4);
    const auto losses_of = [&](const std::vector<int64_t>& labels) {
      family.labels = six_labels(labels);
      return std::array{number_of(family.total(family.phase("discriminator"), real())),
                        number_of(family.total(family.phase("generator"), real()))};
    };
    const auto some = losses_of({0, 1, 2, 3, 1, 0}), others = losses_of({3, 1, 2, 3, 1, 0});
    EXPECT_GT(std::abs(some[0] - others[0]), 1e-6);
    EXPECT_GT(std::abs(some[1] - others[1]), 1e-6);
  }
}

TEST(ConditionalGan, AnUnconditionalOneDoesNotReadThem) {
  DoubleFamily family(small_gan(), 3, /*classes=*/4);
  EXPECT_FALSE(family.objective().conditional());
  family.labels = six_labels({0, 1, 2, 3, 1, 0});
  const double some = number_of(family.total(family.phase("generator"), real()));
  family.labels = six_labels({3, 3, 3, 3, 3, 3});
  EXPECT_EQ(number_of(family.total(family.phase("generator"), real())), some);
}

}  // namespace
}  // namespace allmodes::objectives
