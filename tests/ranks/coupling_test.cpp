#include "gradients/coupling.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cdist.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "gradients/gradient_hooks.h"
#include "ranks/training_fixture.h"

namespace allmodes::gradients {
namespace {

using testing::joined;
using testing::kRankCounts;
using testing::on_ranks;
using Floats = std::vector<float>;

constexpr int64_t kRows = 8;

at::Tensor rows_of(int64_t first, int64_t count) {
  at::Tensor rows = at::empty({count, 3}, at::kFloat);
  fill_normal({.seed = 4, .purpose = Purpose("rows")}, static_cast<uint64_t>(first), count, 3,
              rows.data_ptr<float>());
  return rows;
}

// The mean over ranks of the gradient of `loss` in a weight that all rows pass through.
Floats gradient(world::Communicator& ranks,
                const std::function<at::Tensor(const at::Tensor&, world::Communicator&)>& loss) {
  const auto part = data::share(kRows, ranks.rank(), ranks.size());
  at::Tensor weight = at::ones({3}, at::kFloat).requires_grad_(true);
  backward(loss(rows_of(part.first, part.count) * weight, ranks));
  std::vector<float> values = joined({weight.grad()});
  world::all_reduce_host(ranks, std::span(values), world::ReduceOp::mean);
  return values;
}

void expect_the_gradient_of_one_rank(
    const std::function<at::Tensor(const at::Tensor&, world::Communicator&)>& loss) {
  const auto whole = on_ranks<Floats>(1, [&](auto& ranks) { return gradient(ranks, loss); });
  ASSERT_GT(testing::norm(whole[0]), 1e-3);
  for (const int size : kRankCounts) {
    for (const auto& found :
         on_ranks<Floats>(size, [&](auto& ranks) { return gradient(ranks, loss); }))
      EXPECT_LT(testing::relative_difference(found, whole[0]), 1e-5) << size << " ranks";
  }
}

// Every pair of rows, whichever ranks they are on.
TEST(GatherRows, GivesPairsOverAllRanksTheGradientOfOneProcess) {
  expect_the_gradient_of_one_rank([](const at::Tensor& rows, world::Communicator& ranks) {
    const at::Tensor all = gather_rows(rows, ranks);
    return (-at::cdist(all, all).square()).exp().mean();
  });
}

// A row of one rank beside the rows of all: each rank has a loss of its own rows.
TEST(GatherRowsForParts, GivesEachRanksPartTheGradientOfOneProcess) {
  expect_the_gradient_of_one_rank([](const at::Tensor& rows, world::Communicator& ranks) {
    const at::Tensor all = gather_rows_for_parts(rows, ranks);
    return (-at::cdist(rows, all).square()).exp().sum(1).log().mean();
  });
}

// A ratio of means is no mean of ratios.
TEST(MeanOverRanks, GivesAFunctionOfMeansTheGradientOfOneProcess) {
  expect_the_gradient_of_one_rank([](const at::Tensor& rows, world::Communicator& ranks) {
    const at::Tensor mean = mean_over_ranks(rows.square().mean(0), ranks);
    return (mean.log() * mean_over_ranks(rows.mean(0), ranks)).sum();
  });
}

TEST(GatherRows, AreInGlobalOrder) {
  const Floats whole = joined({rows_of(0, kRows)});
  for (const int size : kRankCounts) {
    for (const auto& found : on_ranks<Floats>(size, [&](world::Communicator& ranks) {
           const auto part = data::share(kRows, ranks.rank(), size);
           return joined({gather_rows(rows_of(part.first, part.count), ranks)});
         }))
      EXPECT_EQ(found, whole) << size << " ranks";
  }
}

TEST(GatherRows, RefuseToBeDifferentiatedTwice) {
  on_ranks<int>(2, [](world::Communicator& ranks) {
    const at::Tensor rows = rows_of(0, 2).requires_grad_(true);
    const at::Tensor loss = gather_rows(rows, ranks).square().sum();
    try {
      torch::autograd::grad({loss}, {rows}, {}, /*retain_graph=*/true, /*create_graph=*/true);
      ADD_FAILURE() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("differentiated twice"));
    }
    return 0;
  });
}

}  // namespace
}  // namespace allmodes::gradients
