// Running networks: against hand-written operators, and batch norm over ranks against batch norm of
// the whole batch.

#include "networks/forward.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <barrier>
#include <cmath>
#include <mutex>
#include <optional>
#include <thread>

#include "networks/folded.h"
#include "networks/registry.h"
#include "ranks/networks_fixture.h"

namespace allmodes::networks {
namespace {

using testing::batch_of;
using testing::Layers;
using testing::Tensors;
using testing::worst_difference;
using Network = testing::SmallNetwork;

at::Tensor noise(const Shape& shape, const char* purpose, at::ScalarType type = at::kDouble) {
  return testing::normal_tensor(shape, purpose, type);
}

Network make(const Layers& layers, const Shape& input, at::ScalarType type = at::kDouble) {
  return testing::make_network(layers, input, type);
}

at::Tensor run(const Network& network, const at::Tensor& x, bool training = true,
               const StatisticsReducer* reducer = nullptr, BatchStatistics* statistics = nullptr) {
  return testing::run_network(
      network, x, {.training = training, .reducer = reducer, .batch_statistics = statistics});
}

// Threads as ranks: sums tensors in rank order, so that every rank gets the same bits.
class ThreadSum {
 public:
  explicit ThreadSum(int ranks) : slots_(static_cast<size_t>(ranks)), barrier_(ranks) {}

  StatisticsReducer of(int rank) {
    return [this, rank](at::Tensor tensor) {
      ++calls_;
      EXPECT_TRUE(tensor.is_contiguous());
      slots_[static_cast<size_t>(rank)] = tensor.clone();
      barrier_.arrive_and_wait();
      at::Tensor sum = slots_[0].clone();
      for (size_t other = 1; other < slots_.size(); ++other) sum.add_(slots_[other]);
      barrier_.arrive_and_wait();
      tensor.copy_(sum);
    };
  }
  int calls() const { return calls_; }

 private:
  Tensors slots_;
  std::barrier<> barrier_;
  std::atomic<int> calls_ = 0;
};

TEST(NetworkForward, AgreesWithHandWrittenOperators) {
  const Network mlp = make({{config::Linear{.units = 6}},
                            {config::Activation{.function = "leaky_relu", .slope = 0.3}},
                            {config::Residual{{{config::Linear{.units = 6, .bias = false}},
                                               {config::Activation{.function = "tanh"}}},
                                              {}}},
                            {config::Maxout{.units = 2, .pieces = 3}}},
                           {4});
  const at::Tensor x = noise({5, 4}, "x");
  const Tensors& p = mlp.parameters;
  at::Tensor h = at::leaky_relu(at::linear(x, p[0], p[1]), 0.3);
  h = h.add(at::tanh(at::linear(h, p[2])));
  const at::Tensor pieces = at::linear(h, p[3], p[4]).view({5, 3, 2});
  EXPECT_EQ(worst_difference(run(mlp, x), std::get<0>(pieces.max(1))), 0.0);

  const Network images = make({{config::Reshape{{1, 4, 4}}},
                               {config::Convolution{.channels = 3, .stride = 2, .padding = 1}},
                               {config::BatchNorm{.epsilon = 1e-3}},
                               {config::TransposedConvolution{.channels = 2}},
                               {config::Flatten{}}},
                              {16});
  const at::Tensor y = noise({5, 16}, "y");
  const Tensors& q = images.parameters;
  h = at::conv2d(y.view({5, 1, 4, 4}), q[0], q[1], 2, 1);
  h = at::batch_norm(h, q[2], q[3], {}, {}, true, 0.1, 1e-3, false);
  // A transposed convolution is the gradient of a convolution with respect to its input.
  const at::Tensor image = at::zeros({5, 2, 4, 4}, y.options()).requires_grad_(true);
  const at::Tensor g = torch::autograd::grad({at::conv2d(image, q[4], {}, 2, 1)}, {image}, {h})[0];
  const at::Tensor expected = g.add(q[5].view({1, 2, 1, 1})).reshape({5, 32});
  EXPECT_LT(worst_difference(run(images, y), expected), 1e-12);
}

TEST(NetworkForward, RefusesAWrongBatchAndALoneSampleInBatchNorm) {
  const Network network = make({{config::BatchNorm{}}}, {3});
  EXPECT_THROW(run(network, noise({5, 4}, "x")), Error);
  EXPECT_THROW(run(network, noise({1, 3}, "x")), Error);
  EXPECT_NO_THROW(run(network, noise({1, 3}, "x"), /*training=*/false));
  const Network global = make({{config::BatchNorm{.statistics = "global"}}}, {3});
  EXPECT_THROW(run(global, noise({1, 3}, "x")), Error);
}

TEST(NetworkForward, EvaluationUsesTheRunningStatisticsAndTrainingReportsTheBatchs) {
  for (const char* statistics : {"local", "global"}) {
    Network network = make({{config::BatchNorm{.statistics = statistics, .momentum = 0.25}}}, {3});
    const at::Tensor first = noise({6, 3}, "first").add_(2.0), second = noise({6, 3}, "second");
    BatchStatistics collected;
    run(network, first, true, nullptr, &collected).sum().backward();
    run(network, second, true, nullptr, &collected).sum().backward();
    EXPECT_EQ(worst_difference(network.buffers[0], at::zeros({3}, first.options())), 0.0);
    ASSERT_EQ(collected.counts, (std::vector<int>{2, 2}));
    EXPECT_LT(worst_difference(collected.sums[0], first.mean(0).add(second.mean(0))), 1e-12);
    EXPECT_LT(worst_difference(collected.sums[1], first.var(0).add(second.var(0))), 1e-12);

    update_running_statistics(network.plan, collected, network.buffers);
    EXPECT_LT(
        worst_difference(network.buffers[1], first.var(0).add(second.var(0)).mul(0.125).add(0.75)),
        1e-12);
    const at::Tensor expected = first.sub(network.buffers[0])
                                    .div(network.buffers[1].add(1e-5).sqrt())
                                    .mul(network.parameters[0])
                                    .add(network.parameters[1]);
    EXPECT_LT(worst_difference(run(network, first, false, nullptr, &collected), expected), 1e-12);
    EXPECT_EQ(collected.counts[0], 2) << "an evaluation must not collect";
  }
}

TEST(NetworkForward, GlobalStatisticsKeepTheVarianceOfAChannelFarFromZero) {
  const Network network =
      make({{config::BatchNorm{.statistics = "global"}}}, {2}, at::ScalarType::Float);
  const at::Tensor x = noise({64, 2}, "x", at::kFloat).add_(1000.0);
  BatchStatistics collected;
  run(network, x, true, nullptr, &collected);
  EXPECT_LT(worst_difference(collected.sums[1], x.to(at::kDouble).var(0)), 1e-3);
}

TEST(NetworkForward, DifferentiatingGlobalBatchNormTwiceIsRefused) {
  const Network network = make({{config::BatchNorm{.statistics = "global"}}}, {3});
  const at::Tensor x = noise({5, 3}, "x").requires_grad_(true);
  const at::Tensor y = run(network, x).pow(2).sum();
  try {
    torch::autograd::grad({y}, {x}, {}, true, /*create_graph=*/true);
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_NE(std::string(error.what()).find("cannot be differentiated twice"), std::string::npos);
  }
}

struct StepResult {
  at::Tensor output, x_gradient;
  Tensors gradients;
  BatchStatistics statistics;
};

// A loss that is a mean over the samples given, weighting every output differently.
StepResult step(const Network& like, const at::Tensor& x, const at::Tensor& weights,
                const StatisticsReducer* reducer) {
  Network network = like;
  for (at::Tensor& parameter : network.parameters)
    parameter = parameter.detach().clone().requires_grad_(true);
  const at::Tensor leaf = x.detach().clone().requires_grad_(true);
  StepResult result;
  result.output = run(network, leaf, true, reducer, &result.statistics);
  result.output.mul(weights).sum().div(static_cast<double>(x.size(0))).backward();
  result.x_gradient = leaf.grad();
  for (const at::Tensor& parameter : network.parameters)
    result.gradients.push_back(parameter.grad());
  return result;
}

TEST(NetworkForward, GlobalBatchNormOnRanksIsBatchNormOfTheConcatenatedBatch) {
  const auto layers = [](const char* statistics) {
    return Layers{{config::Convolution{.channels = 3, .padding = 1}},
                  {config::BatchNorm{.statistics = statistics}},
                  {config::Activation{.function = "silu"}},
                  {config::Convolution{.channels = 2, .stride = 2, .bias = false}},
                  {config::BatchNorm{.statistics = statistics}},
                  {config::Flatten{}},
                  {config::Linear{.units = 3}},
                  {config::BatchNorm{.statistics = statistics}},
                  {config::Activation{.function = "tanh"}}};
  };
  const Shape input{2, 5, 5};
  const Network local = make(layers("local"), input, at::kFloat);
  const Network global = make(layers("global"), input, at::kFloat);
  const at::Tensor x = noise(batch_of(8, input), "x", at::kFloat);
  const at::Tensor weights = noise({8, 3}, "weights", at::kFloat);
  const StepResult whole = step(local, x, weights, nullptr);
  for (const int ranks : {1, 2, 4}) {
    ThreadSum sum(ranks);
    std::vector<StepResult> results(static_cast<size_t>(ranks));
    std::vector<std::thread> threads;
    const int64_t share = 8 / ranks;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        const StatisticsReducer reducer = sum.of(rank);
        results[static_cast<size_t>(rank)] = step(global, x.narrow(0, rank * share, share),
                                                  weights.narrow(0, rank * share, share), &reducer);
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(sum.calls(), ranks * 6) << "one sum forward and one backward a layer";

    Tensors outputs, x_gradients;
    for (const StepResult& result : results) {
      outputs.push_back(result.output);
      x_gradients.push_back(result.x_gradient);
    }
    EXPECT_LT(worst_difference(at::cat(outputs), whole.output), 1e-5) << ranks;
    // Every rank's loss is a mean over its share: the gradients are `ranks` times those of the mean
    // of the whole, until they are averaged over ranks.
    EXPECT_LT(worst_difference(at::cat(x_gradients).div(ranks), whole.x_gradient), 1e-5) << ranks;
    for (size_t i = 0; i < whole.gradients.size(); ++i) {
      Tensors shares;
      for (const StepResult& result : results) shares.push_back(result.gradients[i]);
      EXPECT_LT(worst_difference(at::stack(shares).mean(0), whole.gradients[i]), 1e-5)
          << ranks << " ranks, " << global.plan.parameters[i].name;
    }
    for (size_t i = 0; i < whole.statistics.sums.size(); ++i)
      for (const StepResult& result : results)
        EXPECT_LT(worst_difference(result.statistics.sums[i], whole.statistics.sums[i]), 1e-5);
  }
}

TEST(NetworkInitialization, DoesNotDependOnLayoutOrOnOtherLayers) {
  const Plan short_plan = plan({{config::Linear{.units = 5}}}, {3}, "kaiming_uniform");
  const Plan long_plan =
      plan({{config::Linear{.units = 5}}, {config::Linear{.units = 2}}}, {3}, "kaiming_uniform");
  Tensors apart, slices, none;
  for (const auto& spec : short_plan.parameters) apart.push_back(at::zeros(spec.shape));
  at::Tensor flat = at::zeros({100});
  int64_t offset = 64;
  for (const auto& spec : long_plan.parameters) {
    offset -= 16;  // backwards, with gaps
    slices.push_back(flat.narrow(0, offset, elements(spec.shape)).view(spec.shape));
  }
  initialize(short_plan, 3, "generator", apart, none);
  initialize(long_plan, 3, "generator", slices, none);
  EXPECT_TRUE(apart[0].equal(slices[0]));
  EXPECT_TRUE(apart[1].equal(slices[1]));
  initialize(short_plan, 3, "discriminator", apart, none);
  EXPECT_FALSE(apart[0].equal(slices[0]));
  initialize(short_plan, 4, "generator", apart, none);
  EXPECT_FALSE(apart[0].equal(slices[0]));
}

TEST(NetworkInitialization, HasTheDocumentedDistributions) {
  const Layers layers{{config::Linear{.units = 400}}, {config::BatchNorm{}}};
  Tensors buffers{at::zeros({400}), at::zeros({400})};
  const auto values = [&](const char* initialization) {
    const Plan planned = plan(layers, {100}, initialization);
    Tensors parameters;
    for (const auto& spec : planned.parameters) parameters.push_back(at::zeros(spec.shape));
    initialize(planned, 1, "network", parameters, buffers);
    return parameters;
  };
  const Tensors uniform = values("kaiming_uniform");
  EXPECT_LE(uniform[0].abs().max().item<double>(), 0.1 + 1e-7);
  EXPECT_GT(uniform[0].abs().max().item<double>(), 0.0999);
  EXPECT_NEAR(uniform[0].std().item<double>(), 0.1 / std::sqrt(3.0), 1e-3);
  EXPECT_GT(uniform[1].abs().max().item<double>(), 0.09);
  EXPECT_TRUE(uniform[2].eq(1).all().item<bool>());
  EXPECT_TRUE(uniform[3].eq(0).all().item<bool>());
  const Tensors normal = values("normal_002");
  EXPECT_NEAR(normal[0].std().item<double>(), 0.02, 3e-4);
  EXPECT_NEAR(normal[0].mean().item<double>(), 0.0, 5e-4);
  EXPECT_TRUE(normal[1].eq(0).all().item<bool>());
  EXPECT_NEAR(normal[2].mean().item<double>(), 1.0, 5e-3);
  EXPECT_NEAR(normal[2].std().item<double>(), 0.02, 3e-3);
  EXPECT_TRUE(buffers[0].eq(0).all().item<bool>());
  EXPECT_TRUE(buffers[1].eq(1).all().item<bool>());
}

TEST(NetworkForward, EveryConvolutionalPairRunsAndGivesEveryParameterAGradient) {
  struct Case {
    std::string architecture;
    int64_t size;
  };
  for (const auto& [architecture, size] :
       {Case{"dcgan", 28}, Case{"dcgan", 32}, Case{"dcgan", 64}, Case{"dcgan_veegan", 28},
        Case{"dcgan_veegan", 32}, Case{"dcgan_unrolled", 28}, Case{"dcgan_unrolled", 32},
        Case{"sn_resnet", 32}, Case{"sn_resnet", 64}, Case{"r3gan", 28}, Case{"r3gan", 32}}) {
    for (const int64_t channels : {1, 3}) {
      SCOPED_TRACE(architecture);
      config::Network settings{.architecture = architecture, .width = 8};
      if (architecture.starts_with("dcgan")) settings.norm = "batch";
      const Shape code{6}, image{channels, size, size};
      const Network generator =
          make(build({settings, code, image, Role::kGenerator, "tanh"}), code, at::kFloat);
      const Network discriminator =
          make(build({settings, image, {1}, Role::kDiscriminator, "none"}), image, at::kFloat);
      const at::Tensor fakes = run(generator, noise({3, 6}, "z", at::kFloat));
      ASSERT_EQ(fakes.sizes().vec(), batch_of(3, image));
      EXPECT_LE(fakes.abs().max().item<double>(), 1.0);
      const at::Tensor logits = run(discriminator, fakes);
      ASSERT_EQ(logits.sizes().vec(), (Shape{3, 1}));
      logits.pow(2).sum().backward();
      for (const Network* network : {&generator, &discriminator})
        for (const at::Tensor& parameter : network->parameters)
          EXPECT_TRUE(parameter.grad().defined());
    }
  }
}

// Each rank keeps its own running statistics, from batch statistics that all ranks have. They stay
// equal on a cluster of unlike processors only if no product and sum are fused into one rounding.
TEST(RunningStatistics, RoundTheProductAndThenTheSum) {
  const Network network = make({{config::BatchNorm{.momentum = 0.1}}}, {37}, at::kFloat);
  BatchStatistics statistics{{noise({37}, "means", at::kFloat), noise({37}, "squares", at::kFloat)},
                             {1, 1}};
  std::vector<at::Tensor> buffers{noise({37}, "before", at::kFloat),
                                  noise({37}, "variances", at::kFloat)};
  const std::vector<at::Tensor> before{buffers[0].clone(), buffers[1].clone()};
  update_running_statistics(network.plan, statistics, buffers);
  for (size_t i = 0; i < buffers.size(); ++i) {
    for (int64_t c = 0; c < 37; ++c) {
      const volatile float kept =
          static_cast<float>(1.0 - 0.1) * before[i].const_data_ptr<float>()[c];
      const volatile float added =
          static_cast<float>(0.1) * statistics.sums[i].const_data_ptr<float>()[c];
      EXPECT_EQ(buffers[i].const_data_ptr<float>()[c], kept + added);
    }
  }
}

TEST(Networks, FoldedNormsAreThoseOfEvaluation) {
  const auto convolution = [](int64_t channels) {
    return config::Layer{config::Convolution{.channels = channels, .stride = 2, .bias = false}};
  };
  const config::Layer norm{config::BatchNorm{.epsilon = 1e-3}}, relu{config::Activation{}};
  Network network = make({convolution(4),
                          norm,
                          relu,
                          convolution(6),
                          norm,
                          relu,
                          {config::Flatten{}},
                          {config::Linear{.units = 3}}},
                         {2, 11, 11});
  for (at::Tensor& buffer : network.buffers)
    buffer.add_(noise(buffer.sizes().vec(), "running").abs());
  const at::Tensor x = noise({5, 2, 11, 11}, "x");
  const Folded made = folded(network.plan, network.parameters, network.buffers);
  EXPECT_TRUE(made.plan.buffers.empty());
  Context context;
  const at::Tensor quick = forward(made.plan, made.weights, {}, x, context);
  EXPECT_LT(worst_difference(quick, run(network, x, /*training=*/false)), 1e-12);
  const Network without = make({norm, {config::Flatten{}}}, {2, 3, 3});
  EXPECT_THROW(folded(without.plan, without.parameters, without.buffers), Error);
}

}  // namespace
}  // namespace allmodes::networks
