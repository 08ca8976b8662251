// Each layer against its formula in plain loops, and its derivatives against finite differences.

#include <ATen/ops/amax.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/isnan.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "networks/maxout.h"
#include "ranks/gradient_cases.h"
#include "ranks/networks_fixture.h"

namespace allmodes::networks {
namespace {

using testing::batch_of;
using testing::gradient_cases;
using testing::GradientCase;
using testing::kBatch;
using testing::kClasses;
using testing::Layers;
using testing::make_network;
using testing::normal_tensor;
using testing::run_network;
using testing::slope_along;
using testing::SmallNetwork;
using testing::Tensors;
using testing::worst_difference;

at::Tensor labels() {
  return at::arange(kBatch, at::TensorOptions().dtype(at::kLong)).remainder(kClasses);
}

const LayerNoise kNoise = [](const std::string& layer, at::IntArrayRef shape) {
  at::Tensor values = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  fill_uniform({.seed = 2, .purpose = Purpose(layer)}, 0, 1, values.numel(),
               values.data_ptr<float>());
  return values;
};

Context training() {
  return {.training = true, .labels = labels(), .noise = &kNoise};
}

at::Tensor run(const SmallNetwork& network, const at::Tensor& x) {
  return run_network(network, x, training());
}

// With the vectors of spectral norms at rest: only there is sigma, whose vectors are constants in
// the gradient, stationary in them.
SmallNetwork settled(const GradientCase& test, const at::Tensor& x) {
  SmallNetwork network = make_network(test.layers, test.input, at::kDouble, kClasses);
  if (test.name.starts_with("spectral")) testing::settle_spectral_norms(network, x, training());
  return network;
}

TEST(NetworkLayers, GradientsAreFiniteDifferences) {
  for (const GradientCase& test : gradient_cases()) {
    const at::Tensor x = normal_tensor(batch_of(kBatch, test.input), "x").requires_grad_(true);
    const SmallNetwork network = settled(test, x);
    const at::Tensor direction = normal_tensor(batch_of(kBatch, network.plan.output), "dy");
    const auto value = [&] { return run(network, x).mul(direction).sum(); };
    Tensors inputs = network.parameters;
    inputs.push_back(x);
    const Tensors gradients = torch::autograd::grad({value()}, inputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor along = normal_tensor(inputs[i].sizes().vec(), "direction");
      const double expected = slope_along([&] { return value().item<double>(); }, inputs[i], along);
      EXPECT_NEAR(gradients[i].mul(along).sum().item<double>(), expected,
                  1e-6 * std::max(1.0, std::abs(expected)))
          << test.name << ", input " << i;
    }
  }
}

TEST(NetworkLayers, GradientsOfGradientPenaltiesAreFiniteDifferences) {
  for (const GradientCase& test : gradient_cases()) {
    if (!test.twice) continue;
    const at::Tensor x = normal_tensor(batch_of(kBatch, test.input), "x").requires_grad_(true);
    const SmallNetwork network = settled(test, x);
    const at::Tensor direction = normal_tensor(batch_of(kBatch, network.plan.output), "dy");
    const auto penalty = [&](bool graph) {
      const c10::AutoGradMode grad(true);
      const at::Tensor value = run(network, x).pow(2).mul(direction).sum();
      return torch::autograd::grad({value}, {x}, {}, true, graph)[0].pow(2).sum();
    };
    Tensors inputs = network.parameters;
    inputs.push_back(x);
    const Tensors gradients = torch::autograd::grad({penalty(true)}, inputs, {}, std::nullopt,
                                                    false, /*allow_unused=*/true);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor along = normal_tensor(inputs[i].sizes().vec(), "direction");
      const double expected =
          slope_along([&] { return penalty(false).item<double>(); }, inputs[i], along);
      const double found =
          gradients[i].defined() ? gradients[i].mul(along).sum().item<double>() : 0.0;
      EXPECT_NEAR(found, expected, 2e-5 * std::max(1.0, std::abs(expected)))
          << test.name << ", input " << i;
    }
  }
}

// The maximum of pieces by at::amax, whose gradient is defined alike, also where pieces are equal.
TEST(NetworkLayers, MaxoutIsAmaxWithEqualPiecesAndNanIncluded) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const auto small_numbers = [&](const Shape& shape, const char* name) {
      return normal_tensor(shape, name).mul(2).round().to(type);
    };
    const at::Tensor values = small_numbers({70, 5, 203}, "x");  // more than a task of a thread
    const at::Tensor g = small_numbers({70, 203}, "g").requires_grad_(true);
    const at::Tensor h = small_numbers({70, 5, 203}, "h");
    struct Results {
      at::Tensor value, gradient, second;
    };
    const auto results = [&](const auto& maximum) {
      const at::Tensor x = values.clone().requires_grad_(true);
      const at::Tensor y = maximum(x);
      const at::Tensor dx = torch::autograd::grad({y}, {x}, {g}, {}, /*create_graph=*/true)[0];
      return Results{y, dx, torch::autograd::grad({dx}, {g}, {h})[0]};
    };
    const Results own = results([](const at::Tensor& x) { return maxout(x); });
    const Results theirs = results([](const at::Tensor& x) { return at::amax(x, 1); });
    EXPECT_EQ(worst_difference(own.value, theirs.value), 0);
    EXPECT_LT(worst_difference(own.gradient, theirs.gradient), 1e-6);
    EXPECT_LT(worst_difference(own.second, theirs.second), 1e-5);
    EXPECT_EQ(own.value.scalar_type(), type);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  at::Tensor x = at::zeros({1, 3, 3});
  for (int64_t i = 0; i < 3; ++i) x[0][i][i].fill_(nan);  // first, in the middle, last
  EXPECT_TRUE(maxout(x).isnan().all().item<bool>());
}

// Normalizes each group of channels of each sample by its own moments.
TEST(NetworkLayers, NormsOverASampleFollowTheirFormula) {
  struct Case {
    config::Layer layer;
    int64_t groups;
  };
  const int64_t channels = 6, side = 3;
  const double epsilon = 1e-3;
  // Named first: GCC 13 fails within itself on these in the braces of the loop.
  const config::LayerNorm of_layer{.epsilon = epsilon};
  const config::GroupNorm of_groups{.groups = 3, .epsilon = epsilon};
  const config::InstanceNorm of_channels{.epsilon = epsilon};
  const std::vector<Case> cases = {{{of_layer}, 1}, {{of_groups}, 3}, {{of_channels}, channels}};
  for (const auto& [layer, groups] : cases) {
    const SmallNetwork network = make_network({layer}, {channels, side, side});
    const at::Tensor x = normal_tensor({2, channels, side, side}, "x").mul(3.0).add(1.0);
    const at::Tensor y = run_network(network, x, {.training = true});
    const auto in = x.accessor<double, 4>();
    const auto out = y.accessor<double, 4>();
    const auto scale = network.parameters[0].accessor<double, 1>();
    const auto shift = network.parameters[1].accessor<double, 1>();
    const int64_t size = channels / groups;
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t group = 0; group < groups; ++group) {
        double sum = 0, square = 0;
        const auto each = [&](const auto& visit) {
          for (int64_t c = group * size; c < (group + 1) * size; ++c)
            for (int64_t i = 0; i < side; ++i)
              for (int64_t j = 0; j < side; ++j) visit(c, i, j);
        };
        each([&](int64_t c, int64_t i, int64_t j) { sum += in[n][c][i][j]; });
        const double count = static_cast<double>(size * side * side), mean = sum / count;
        each(
            [&](int64_t c, int64_t i, int64_t j) { square += std::pow(in[n][c][i][j] - mean, 2); });
        each([&](int64_t c, int64_t i, int64_t j) {
          const double normed = (in[n][c][i][j] - mean) / std::sqrt(square / count + epsilon);
          EXPECT_NEAR(out[n][c][i][j], normed * scale[c] + shift[c], 1e-10) << groups << " groups";
        });
      }
    EXPECT_EQ(worst_difference(run_network(network, x, {.training = false}), y), 0.0);
  }
}

TEST(NetworkLayers, UpsamplingRepeatsOrInterpolatesPixels) {
  const at::Tensor x = normal_tensor({1, 1, 2, 3}, "x");
  const auto in = x.accessor<double, 4>();
  const at::Tensor nearest =
      run(make_network({{config::Upsample{.factor = 3}}}, {1, 2, 3}), x.expand({kBatch, 1, 2, 3}));
  const at::Tensor linear =
      run(make_network({{config::Upsample{.factor = 3, .mode = "bilinear"}}}, {1, 2, 3}),
          x.expand({kBatch, 1, 2, 3}));
  // The pixel below position p of the output, and the weight of the next one; the image goes on
  // with its border.
  const auto place = [](int64_t p, int64_t size) {
    const double at =
        std::clamp((static_cast<double>(p) + 0.5) / 3 - 0.5, 0.0, static_cast<double>(size - 1));
    const auto low = std::min(static_cast<int64_t>(at), size - 1);
    return std::pair(low, at - static_cast<double>(low));
  };
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t j = 0; j < 9; ++j) {
      EXPECT_EQ((nearest.accessor<double, 4>()[1][0][i][j]), in[0][0][i / 3][j / 3]);
      const auto [row, below] = place(i, 2);
      const auto [column, right] = place(j, 3);
      const int64_t next_row = std::min<int64_t>(row + 1, 1);
      const int64_t next_column = std::min<int64_t>(column + 1, 2);
      const double expected =
          (1 - below) * ((1 - right) * in[0][0][row][column] + right * in[0][0][row][next_column]) +
          below *
              ((1 - right) * in[0][0][next_row][column] + right * in[0][0][next_row][next_column]);
      EXPECT_NEAR((linear.accessor<double, 4>()[1][0][i][j]), expected, 1e-12);
    }
}

TEST(NetworkLayers, PoolingIsTheMeanOrSumOfPixels) {
  const at::Tensor x = normal_tensor({kBatch, 2, 4, 4}, "x");
  const auto in = x.accessor<double, 4>();
  const at::Tensor halved = run(make_network({{config::Downsample{}}}, {2, 4, 4}), x);
  const at::Tensor mean = run(make_network({{config::GlobalPool{}}}, {2, 4, 4}), x);
  const at::Tensor sum = run(make_network({{config::GlobalPool{"sum"}}}, {2, 4, 4}), x);
  for (int64_t n = 0; n < kBatch; ++n)
    for (int64_t c = 0; c < 2; ++c) {
      double all = 0;
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t j = 0; j < 4; ++j) all += in[n][c][i][j];
      EXPECT_NEAR((mean.accessor<double, 2>()[n][c]), all / 16, 1e-12);
      EXPECT_NEAR((sum.accessor<double, 2>()[n][c]), all, 1e-12);
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < 2; ++j)
          EXPECT_NEAR((halved.accessor<double, 4>()[n][c][i][j]),
                      (in[n][c][2 * i][2 * j] + in[n][c][2 * i][2 * j + 1] +
                       in[n][c][2 * i + 1][2 * j] + in[n][c][2 * i + 1][2 * j + 1]) /
                          4,
                      1e-12);
    }
}

TEST(NetworkLayers, AResidualBlockAddsItsShortcut) {
  const SmallNetwork network = make_network(
      {{config::Residual{{{config::Linear{.units = 3}}}, {{config::Linear{.units = 3}}}}}}, {4});
  ASSERT_EQ(network.plan.parameters[2].name, "0.shortcut.0.weight");
  const at::Tensor x = normal_tensor({kBatch, 4}, "x");
  const Tensors& p = network.parameters;
  const at::Tensor expected = x.matmul(p[0].t()).add(p[1]).add(x.matmul(p[2].t())).add(p[3]);
  EXPECT_LT(worst_difference(run(network, x), expected), 1e-12);
}

TEST(NetworkLayers, GroupedConvolutionIsAConvolutionOfEachGroup) {
  const SmallNetwork network =
      make_network({{config::Convolution{.channels = 6, .bias = false, .groups = 2}}}, {4, 5, 5});
  const at::Tensor x = normal_tensor({kBatch, 4, 5, 5}, "x");
  const at::Tensor y = run(network, x);
  for (int64_t group = 0; group < 2; ++group) {
    const at::Tensor expected =
        at::conv2d(x.narrow(1, 2 * group, 2), network.parameters[0].narrow(0, 3 * group, 3));
    EXPECT_LT(worst_difference(y.narrow(1, 3 * group, 3), expected), 1e-12);
  }
}

TEST(NetworkLayers, DropoutKeepsItsShareScaledAndEvaluatesToTheIdentity) {
  const SmallNetwork network = make_network({{config::Dropout{.rate = 0.3}}}, {4000});
  const at::Tensor x = normal_tensor({kBatch, 4000}, "x");
  const at::Tensor kept = run(network, x);
  EXPECT_TRUE(kept.eq(0).logical_or(kept.sub(x.div(0.7)).abs().lt(1e-12)).all().item<bool>());
  EXPECT_NEAR(kept.ne(0).to(at::kDouble).mean().item<double>(), 0.7, 0.015);  // 4.6 deviations
  EXPECT_TRUE(run_network(network, x, {.training = false}).equal(x));
  EXPECT_THROW(run_network(network, x, {.training = true}), Error) << "without noise";
}

TEST(NetworkLayers, SelfAttentionFollowsItsFormulaAndStartsAsTheIdentity) {
  const int64_t channels = 4, reduced = 2, pixels = 6;
  const config::Layer layer{config::SelfAttention{.reduction = 2}};
  SmallNetwork network = make_network({layer}, {channels, 2, 3});
  const at::Tensor x = normal_tensor({kBatch, channels, 2, 3}, "x");
  const at::Tensor y = run(network, x).flatten(2);
  const at::Tensor flat = x.flatten(2);
  const auto in = flat.accessor<double, 3>(), out = y.accessor<double, 3>();
  const auto weight = [&](size_t i) { return network.parameters[i].accessor<double, 2>(); };
  const double gain = network.parameters[4].item<double>();
  for (int64_t n = 0; n < kBatch; ++n)
    for (int64_t j = 0; j < pixels; ++j) {
      std::vector<double> share(pixels);
      double total = 0;
      for (int64_t i = 0; i < pixels; ++i) {
        double likeness = 0;
        for (int64_t r = 0; r < reduced; ++r) {
          double query = 0, key = 0;
          for (int64_t c = 0; c < channels; ++c) {
            query += weight(0)[r][c] * in[n][c][j];
            key += weight(1)[r][c] * in[n][c][i];
          }
          likeness += query * key;
        }
        total += share[static_cast<size_t>(i)] = std::exp(likeness);
      }
      for (int64_t c = 0; c < channels; ++c) {
        double seen = 0;
        for (int64_t i = 0; i < pixels; ++i)
          for (int64_t r = 0; r < reduced; ++r)
            for (int64_t d = 0; d < channels; ++d)
              seen += weight(3)[c][r] * weight(2)[r][d] * in[n][d][i] *
                      share[static_cast<size_t>(i)] / total;
        EXPECT_NEAR(out[n][c][j], in[n][c][j] + gain * seen, 1e-10);
      }
    }
  const c10::NoGradGuard no_grad;
  initialize(network.plan, 1, "network", network.parameters, network.buffers);
  EXPECT_TRUE(run(network, x).equal(x));
}

TEST(NetworkLayers, ClassesAreConcatenatedToFeaturesAndImages) {
  const at::Tensor given = labels();
  for (const Shape& input : {Shape{3}, Shape{3, 2, 2}}) {
    const SmallNetwork network =
        make_network({{config::ClassConcatenation{.dimension = 2}}}, input, at::kDouble, kClasses);
    const at::Tensor x = normal_tensor(batch_of(kBatch, input), "x");
    const at::Tensor y = run(network, x).reshape({kBatch, 5, -1});
    EXPECT_TRUE(y.narrow(1, 0, 3).equal(x.reshape({kBatch, 3, -1})));
    for (int64_t n = 0; n < kBatch; ++n)
      for (int64_t d = 0; d < 2; ++d)
        for (int64_t pixel = 0; pixel < y.size(2); ++pixel)
          EXPECT_EQ((y.accessor<double, 3>()[n][3 + d][pixel]),
                    (network.parameters[0].accessor<double, 2>()[n % kClasses][d]));
    EXPECT_THROW(run_network(network, x, {.training = true}), Error) << "without labels";
  }
}

TEST(NetworkLayers, ClassProjectionAddsTheProductWithTheLabelsEmbedding) {
  const SmallNetwork network = make_network({{config::ClassProjection{}}}, {4}, at::kDouble, 3);
  const at::Tensor x = normal_tensor({kBatch, 4}, "x");
  const at::Tensor y = run(network, x);
  for (int64_t n = 0; n < kBatch; ++n) {
    double expected = network.parameters[1].item<double>();
    for (int64_t f = 0; f < 4; ++f)
      expected += (network.parameters[0].accessor<double, 2>()[0][f] +
                   network.parameters[2].accessor<double, 2>()[n % kClasses][f]) *
                  x.accessor<double, 2>()[n][f];
    EXPECT_NEAR((y.accessor<double, 2>()[n][0]), expected, 1e-12);
  }
}

}  // namespace
}  // namespace allmodes::networks
