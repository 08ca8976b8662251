// Normalizations of values in bfloat16, as autocast gives them.

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "ranks/networks_fixture.h"

namespace allmodes::networks {
namespace {

using testing::make_network;
using testing::normal_tensor;
using testing::run_network;

TEST(GroupNorm, OfValuesInBfloat16StaysInBfloat16AndNearFloat32) {
  const auto network = make_network({{config::GroupNorm{.groups = 2}}}, {4, 6, 6}, at::kFloat, 0);
  const at::Tensor x = normal_tensor({3, 4, 6, 6}, "x", at::kFloat);
  Context context{.training = true};
  const at::Tensor exact = run_network(network, x, context);
  const at::Tensor rough = run_network(network, x.to(at::kBFloat16), context);
  EXPECT_EQ(rough.scalar_type(), at::kBFloat16);
  EXPECT_LT((rough.to(at::kFloat) - exact).abs().max().item<double>(), 0.05);
}

}  // namespace
}  // namespace allmodes::networks
