// The exchange of gradients during backward: order, accumulation, and misuse that must not pass.

#include "gradients/gradient_reducer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "gradients/gradient_hooks.h"
#include "networks/forward.h"
#include "ranks/forwarding_communicator.h"
#include "ranks/training_fixture.h"

namespace allmodes::gradients {
namespace {

using ::allmodes::testing::joined;
using ::allmodes::testing::kRankCounts;
using ::allmodes::testing::norm;
using ::allmodes::testing::on_ranks;
using ::allmodes::testing::relative_difference;
using ::allmodes::testing::run_ranks;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Message {
  const void* data;
  int64_t count;
};

// Notes what is reduced.
class RecordingCommunicator final : public testing::ForwardingCommunicator {
 public:
  using ForwardingCommunicator::ForwardingCommunicator;
  std::vector<Message> messages;

 private:
  world::Ticket do_all_reduce(world::Buffer buffer, world::ReduceOp op,
                              world::Stream stream) override {
    messages.push_back({buffer.data, buffer.count});
    return ForwardingCommunicator::do_all_reduce(buffer, op, stream);
  }
};

std::vector<config::Layer> four_linears() {
  std::vector<config::Layer> layers;
  for (int i = 0; i < 4; ++i) {
    layers.push_back({config::Linear{.units = 8}});
    layers.push_back({config::BatchNorm{}});
    layers.push_back({config::Activation{.function = "tanh"}});
  }
  layers.push_back({config::Linear{.units = 1}});
  return layers;
}

// A network, its reducer on small buckets, and a loss of this rank's own samples.
struct Fixture {
  explicit Fixture(world::Communicator& ranks, std::vector<int64_t> order = {})
      : network(make_flat_network("network", networks::plan(four_linears(), {3}, "kaiming_uniform"),
                                  1, at::kCPU, std::move(order))),
        recording(ranks),
        plan(plan_buckets(network.slices, network.order, 100, 32)),
        reducer(network, recording, plan) {}

  at::Tensor loss(uint64_t first) {
    const at::Tensor x = at::empty({6, 3}, at::TensorOptions().dtype(at::kFloat));
    fill_normal({.seed = 2, .purpose = Purpose("x")}, first, 6, 3, x.data_ptr<float>());
    networks::Context context{.training = true};
    return networks::forward(network.plan, network.parameter_views, network.buffer_views, x,
                             context)
        .square()
        .mean();
  }
  void reduce(uint64_t first) {
    reducer.arm();
    backward(loss(first));
    reducer.finish(nullptr);
  }
  // By bucket, as the plan asks: the last one carries the batch statistics too.
  void expect_plan_order() const {
    ASSERT_EQ(recording.messages.size(), plan.buckets.size());
    for (size_t b = 0; b < plan.buckets.size(); ++b) {
      const bool last = b + 1 == plan.buckets.size();
      EXPECT_EQ(recording.messages[b].data,
                network.gradients.data_ptr<float>() + plan.buckets[b].offset);
      EXPECT_EQ(recording.messages[b].count,
                last ? network.gradients.size(0) - plan.buckets[b].offset : plan.buckets[b].count);
    }
  }

  FlatNetwork network;
  RecordingCommunicator recording;
  BucketPlan plan;
  GradientReducer reducer;
};

std::vector<int64_t> forward_order(size_t parameters) {
  std::vector<int64_t> order(parameters);
  for (size_t i = 0; i < parameters; ++i) order[i] = static_cast<int64_t>(i);
  return order;
}

size_t parameters() {
  return networks::plan(four_linears(), {3}, "kaiming_uniform").parameters.size();
}

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kSoftware);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(GradientReducer, ExchangesEachBucketOnceInPlanOrder) {
  for (const bool against_backward : {false, true}) {
    run_ranks(2, [&](world::Communicator& ranks) {
      Fixture fixture(ranks,
                      against_backward ? forward_order(parameters()) : std::vector<int64_t>{});
      ASSERT_GT(fixture.plan.buckets.size(), 4U);
      fixture.reduce(static_cast<uint64_t>(ranks.rank()) * 6);
      fixture.expect_plan_order();
    });
  }
}

TEST(GradientReducer, ExchangesWhileBackwardRunsWhereTheLayoutFollowsIt) {
  run_ranks(2, [](world::Communicator& ranks) {
    Fixture first(ranks);
    first.reduce(0);
    Fixture fixture(ranks, agree_on_order(first.network, first.reducer.ready_order(), ranks));
    fixture.reducer.arm();
    EXPECT_EQ(fixture.reducer.state(), GradientReducer::State::kFilling);
    backward(fixture.loss(0));
    EXPECT_EQ(fixture.reducer.state(), GradientReducer::State::kLaunched);
    EXPECT_EQ(fixture.recording.messages.size() + 1, fixture.plan.buckets.size());
    fixture.reducer.finish(nullptr);
    EXPECT_EQ(fixture.reducer.state(), GradientReducer::State::kReduced);
    fixture.expect_plan_order();
  });
}

TEST(GradientReducer, AParameterThatNoBackwardReachesKeepsTheOrderAndIsZero) {
  run_ranks(2, [](world::Communicator& ranks) {
    Fixture fixture(ranks);
    fixture.reduce(0);
    fixture.recording.messages.clear();
    fixture.reducer.arm();
    backward(fixture.network.parameter_views[0].sum() * (1.0 + ranks.rank()));
    fixture.reducer.finish(nullptr);
    fixture.expect_plan_order();
    EXPECT_EQ(joined({fixture.network.gradient_views[0]}), std::vector<float>(24, 1.5F));
    const std::vector<at::Tensor> rest(fixture.network.gradient_views.begin() + 1,
                                       fixture.network.gradient_views.end());
    EXPECT_EQ(norm(joined(rest)), 0);
  });
}

TEST(GradientReducer, GivesTheMeanOfTheRanksGradients) {
  for (const int size : kRankCounts) {
    const auto found = on_ranks<std::vector<float>>(size, [](world::Communicator& ranks) {
      Fixture fixture(ranks);
      fixture.reduce(static_cast<uint64_t>(ranks.rank()) * 6);
      return joined(fixture.network.gradient_views);
    });
    std::vector<float> mean(found[0].size(), 0.0F);
    for (int rank = 0; rank < size; ++rank) {
      const auto self = world::make_self_communicator();
      Fixture alone(*self);
      alone.reduce(static_cast<uint64_t>(rank) * 6);
      const auto part = joined(alone.network.gradient_views);
      for (size_t i = 0; i < part.size(); ++i) mean[i] += part[i] / static_cast<float>(size);
    }
    for (const auto& each : found) {
      EXPECT_EQ(each, found[0]);
      EXPECT_LT(relative_difference(each, mean), 1e-6);
    }
  }
}

TEST(GradientReducer, HoldAccumulatesWithoutExchange) {
  run_ranks(2, [](world::Communicator& ranks) {
    Fixture fixture(ranks);
    fixture.reduce(0);
    std::vector<float> sum = joined(fixture.network.gradient_views);
    fixture.reduce(6);
    const auto second = joined(fixture.network.gradient_views);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += second[i];
    fixture.recording.messages.clear();
    fixture.reducer.arm();
    fixture.reducer.hold(true);
    backward(fixture.loss(0));
    EXPECT_TRUE(fixture.recording.messages.empty());
    fixture.reducer.hold(false);
    backward(fixture.loss(6));
    fixture.reducer.finish(nullptr);
    fixture.expect_plan_order();
    EXPECT_LT(relative_difference(joined(fixture.network.gradient_views), sum), 1e-6);
  });
}

TEST(GradientReducer, AGradientWithoutArmIsAnErrorThatNamesTheParameter) {
  const auto self = world::make_self_communicator();
  Fixture fixture(*self);
  const auto idle = [&] { backward(fixture.loss(0)); };
  EXPECT_THAT(error_of(idle), AllOf(HasSubstr("'network.12."), HasSubstr("not armed")));
  fixture.reduce(0);
  EXPECT_THAT(error_of(idle), AllOf(HasSubstr("'network.12."), HasSubstr("not armed")));
}

TEST(GradientReducer, ASecondBackwardWithoutHoldIsAnErrorThatNamesTheParameter) {
  const auto self = world::make_self_communicator();
  Fixture fixture(*self);
  fixture.reducer.arm();
  backward(fixture.loss(0));
  EXPECT_THAT(error_of([&] { backward(fixture.loss(6)); }),
              AllOf(HasSubstr("'network.12."), HasSubstr("second gradient"), HasSubstr("hold")));
}

TEST(GradientReducer, AReplacedOrDroppedGradientIsNoticed) {
  const auto self = world::make_self_communicator();
  for (const bool drop : {false, true}) {
    Fixture fixture(*self);
    fixture.reducer.arm();
    at::Tensor& parameter = fixture.network.parameter_views[2];
    backward(fixture.loss(0));
    parameter.mutable_grad() = drop ? at::Tensor() : at::zeros_like(parameter);
    const auto& name = fixture.network.plan.parameters[2].name;
    EXPECT_THAT(error_of([&] { fixture.reducer.finish(nullptr); }),
                AllOf(HasSubstr("'network." + name + "'"), HasSubstr("flat storage")));
  }
}

TEST(GradientReducer, ArmAndFinishAlternate) {
  const auto self = world::make_self_communicator();
  Fixture fixture(*self);
  error_of([&] { fixture.reducer.finish(nullptr); });
  fixture.reducer.arm();
  EXPECT_THAT(error_of([&] { fixture.reducer.arm(); }), HasSubstr("'network'"));
}

TEST(GradientReducer, LeavesNoHookBehind) {
  const auto self = world::make_self_communicator();
  FlatNetwork network = make_flat_network(
      "network", networks::plan(four_linears(), {3}, "kaiming_uniform"), 1, at::kCPU);
  const auto plan = plan_buckets(network.slices, network.order, 100, 32);
  { const GradientReducer gone(network, *self, plan); }
  backward(network.parameter_views[0].sum());  // would throw: not armed
}

TEST(AgreeOnOrder, GivesRankZerosOrderAndTheUnreachedLast) {
  const auto orders = on_ranks<std::vector<int64_t>>(2, [](world::Communicator& ranks) {
    const Fixture fixture(ranks);
    const std::vector<int64_t> ready =
        ranks.rank() == 0 ? std::vector<int64_t>{3, 1} : std::vector<int64_t>{0, 2};
    return agree_on_order(fixture.network, ready, ranks);
  });
  EXPECT_EQ(orders[1], orders[0]);
  ASSERT_EQ(orders[0].size(), parameters());
  EXPECT_EQ(orders[0][0], 3);
  EXPECT_EQ(orders[0][1], 1);
  std::vector<int64_t> sorted = orders[0];
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, forward_order(parameters()));
}

TEST(AgreeOnOrder, RefusesRanksWithOtherParameters) {
  run_ranks(2, [](world::Communicator& ranks) {
    const auto network = make_flat_network(
        "network",
        networks::plan({{config::Linear{.units = 4 + ranks.rank()}}}, {3}, "kaiming_uniform"), 1,
        at::kCPU);
    try {
      agree_on_order(network, {}, ranks);
      ADD_FAILURE() << "the difference was not noticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kProtocol);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("ranks 0 and 1"), HasSubstr("'network'")));
    }
  });
}

// Otherwise an update waits for stores that it takes for its loads (gradients/flat_network.h).
TEST(FlatNetwork, ArraysThatAnUpdateWalksThroughBeginFarApartInTheirPages) {
  const FlatNetwork network = make_flat_network(
      "network", networks::plan({{config::Linear{.units = 600}}}, {500}, "kaiming_uniform"), 1,
      at::kCPU);
  std::vector<int64_t> places;
  for (const at::Tensor& array : {network.gradients, network.parameters, network.average,
                                  network.first_moment, network.second_moment}) {
    places.push_back(static_cast<int64_t>(reinterpret_cast<uintptr_t>(array.data_ptr()) % 4096));
    EXPECT_EQ(places.back() % 64, 0);
  }
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int64_t apart = std::abs(places[i] - places[j]);
      EXPECT_GE(std::min(apart, 4096 - apart), 704) << i << " " << j;
    }
  }
}

TEST(FlatNetwork, ValuesDependOnNamesAndNotOnTheLayout) {
  const auto plan = networks::plan(four_linears(), {3}, "kaiming_uniform");
  const auto usual = make_flat_network("network", plan, 1, at::kCPU);
  const auto other = make_flat_network("network", plan, 1, at::kCPU, forward_order(parameters()));
  const auto renamed = make_flat_network("another", plan, 1, at::kCPU);
  EXPECT_NE(usual.order, other.order);
  EXPECT_EQ(joined(usual.parameter_views), joined(other.parameter_views));
  EXPECT_EQ(joined(usual.average_views), joined(usual.parameter_views));
  EXPECT_NE(joined(usual.parameter_views), joined(renamed.parameter_views));
}

}  // namespace
}  // namespace allmodes::gradients
