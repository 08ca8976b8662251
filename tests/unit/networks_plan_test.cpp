// Shapes, parameters and errors of networks, without a tensor.

#include <gtest/gtest.h>

#include <algorithm>

#include "networks/plan.h"

namespace allmodes::networks {
namespace {

using Layers = std::vector<config::Layer>;

std::string error_of(const Layers& layers, const Shape& input, std::string* path = nullptr) {
  try {
    plan(layers, input, "kaiming_uniform", /*classes=*/0);
  } catch (const ShapeError& error) {
    if (path != nullptr) *path = error.path();
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    return error.what();
  }
  return "no error";
}

TEST(NetworkPlan, EveryShapeErrorNamesItsLayer) {
  const config::Layer flatten{config::Flatten{}};
  const config::Layer relu{config::Activation{}};
  struct Case {
    Layers layers;
    Shape input;
    std::string path, words;
  };
  const std::vector<Case> cases{
      {{relu, relu, relu, {config::Convolution{.channels = 8, .kernel = 5}}},
       {3, 2, 2},
       "layers[3]",
       "convolution of kernel 5 does not fit an input of 2x2"},
      {{{config::Linear{.units = 4}}}, {1, 28, 28}, "layers[0]", "flat input, this one is 1x28x28"},
      {{flatten, {config::Convolution{.channels = 1}}}, {1, 8, 8}, "layers[1]", "this one is 64"},
      {{{config::Linear{}}}, {2}, "layers[0]", "units is 0"},
      {{{config::Maxout{.units = 3, .pieces = 1}}}, {2}, "layers[0]", "pieces is 1"},
      {{{config::Reshape{{3, 2}}}}, {5}, "layers[0]", "reshape of 5 (5 elements) to 3x2"},
      {{{config::Reshape{{-1}}}}, {5}, "layers[0]", "it must be at least 1"},
      {{{config::TransposedConvolution{.channels = 1, .output_padding = 2}}},
       {1, 4, 4},
       "layers[0]",
       "less than the stride"},
      {{{config::TransposedConvolution{.channels = 1, .kernel = 1, .padding = 3}}},
       {1, 2, 2},
       "layers[0]",
       "leaves nothing"},
      {{{config::BatchNorm{.statistics = "both"}}}, {3}, "layers[0]", "'both' is unknown"},
      {{{config::BatchNorm{.momentum = 0}}}, {3}, "layers[0]", "momentum is 0"},
      {{{config::Activation{.function = "rleu"}}}, {3}, "layers[0]", "'rleu' is unknown"},
      {{{config::Residual{}}}, {3}, "layers[0]", "no layers"},
      {{relu, {config::Residual{{relu, {config::Linear{.units = 5}}}, {}}}},
       {3},
       "layers[1]",
       "turn 3 into 5"},
      {{relu, {config::Residual{{relu, {config::Linear{.units = -5}}}, {}}}},
       {3},
       "layers[1].residual.layers[1]",
       "units is -5"},
      {{{config::Residual{{relu}, {{config::Linear{.units = 5}}}}}},
       {3},
       "layers[0]",
       "into 3, and its shortcut into 5"},
      {{{config::Residual{{relu}, {relu, {config::Linear{.units = -5}}}}}},
       {3},
       "layers[0].residual.shortcut[1]",
       "units is -5"},
      {{{config::Convolution{.channels = 4, .groups = 3}}},
       {6, 4, 4},
       "layers[0]",
       "divide the channels of the input, 6, and the output, 4"},
      {{{config::LayerNorm{}}}, {1}, "layers[0]", "each value by itself"},
      {{{config::LayerNorm{.epsilon = 0}}}, {3}, "layers[0]", "epsilon is 0"},
      {{{config::InstanceNorm{}}}, {3}, "layers[0]", "put a reshape layer before it"},
      {{{config::InstanceNorm{}}}, {3, 1, 1}, "layers[0]", "each value by itself"},
      {{{config::GroupNorm{.groups = 4}}}, {6}, "layers[0]", "must divide the channels, 6"},
      {{{config::GroupNorm{.groups = 6}}}, {6}, "layers[0]", "each value by itself"},
      {{{config::Upsample{}}}, {3}, "layers[0]", "channels x height x width"},
      {{{config::Upsample{.mode = "cubic"}}}, {3, 2, 2}, "layers[0]", "'cubic' is unknown"},
      {{{config::Downsample{}}}, {3, 5, 4}, "layers[0]", "divide height and width, 5x4"},
      {{{config::GlobalPool{"max"}}}, {3, 5, 4}, "layers[0]", "'max' is unknown"},
      {{{config::Dropout{.rate = 1}}}, {3}, "layers[0]", "rate is 1"},
      {{{config::SelfAttention{}}}, {12, 4, 4}, "layers[0]", "divide the channels, 12"},
      {{{config::ClassConcatenation{}}}, {3}, "layers[0]", "needs class labels"},
      {{{config::ClassProjection{}}}, {3}, "layers[0]", "needs class labels"},
      {{{config::MinibatchStddev{.group = 1}}}, {3}, "layers[0]", "group is 1"},
      {{{config::MinibatchDiscrimination{}}}, {3, 2, 2}, "layers[0]", "put a flatten layer"},
      {{relu, {}}, {3}, "layers[1]", "empty"},
      {{{config::Linear{.units = int64_t{1} << 62}}}, {3}, "layers[0]", "more than"},
      {{{config::Convolution{.channels = 1, .kernel = 3, .padding = int64_t{1} << 62}}},
       {1, 4, 4},
       "layers[0]",
       "at most"},
  };
  for (const Case& test : cases) {
    std::string path;
    const std::string error = error_of(test.layers, test.input, &path);
    EXPECT_EQ(path, test.path) << error;
    EXPECT_NE(error.find(test.words), std::string::npos) << error;
    EXPECT_EQ(error.rfind(test.path + ": ", 0), 0U) << error;
  }
  EXPECT_THROW(plan({}, {}, "kaiming_uniform"), ShapeError);
  EXPECT_THROW(plan({}, {3}, "xavier"), ShapeError);
}

TEST(NetworkPlan, ParametersAreNamedByTheirPlaceInOrder) {
  const Plan planned =
      plan({{config::Linear{.units = 6}},
            {config::BatchNorm{.statistics = "global", .momentum = 0.25}},
            {config::Residual{{{config::Activation{}}, {config::Linear{.units = 6, .bias = false}}},
                              {}}},
            {config::Maxout{.units = 2, .pieces = 5}}},
           {4}, "normal_002");
  std::vector<std::string> names;
  for (const auto& parameter : planned.parameters) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias",
                                             "2.1.weight", "3.weight", "3.bias"}));
  EXPECT_EQ(planned.parameters[0].shape, (Shape{6, 4}));
  EXPECT_EQ(planned.parameters[5].shape, (Shape{10, 6}));
  EXPECT_EQ(planned.parameters[0].init, Init::kNormal);
  EXPECT_EQ(planned.parameters[1].init, Init::kZero);
  EXPECT_EQ(planned.parameters[2].init, Init::kNormalAtOne);
  ASSERT_EQ(planned.buffers.size(), 2U);
  EXPECT_EQ(planned.buffers[1].name, "1.running_var");
  EXPECT_EQ(planned.buffers[1].value, 1.0F);
  EXPECT_EQ(planned.buffers[1].momentum, 0.25);
  EXPECT_EQ(planned.parameter_count(), 24 + 6 + 12 + 36 + 60 + 10);
  EXPECT_EQ(planned.output, Shape{2});
  EXPECT_TRUE(planned.couples_all_ranks());
  const std::string table = planned.describe();
  EXPECT_NE(table.find("maxout 2 of 5"), std::string::npos);
  EXPECT_NE(table.find("148"), std::string::npos) << table;
}

TEST(NetworkPlan, OnlyGlobalStatisticsCoupleRanksAlsoInsideAResidual) {
  const auto with = [](const char* statistics) {
    return plan({{config::Residual{{{config::BatchNorm{.statistics = statistics}}}, {}}}}, {3},
                "kaiming_uniform");
  };
  EXPECT_TRUE(with("global").couples_all_ranks());
  EXPECT_FALSE(with("local").couples_all_ranks());
  EXPECT_TRUE(with("local").couples_samples());
  // Beside the block too.
  const config::Layer likeness{config::MinibatchDiscrimination{.statistics = "global"}};
  const Plan beside = plan({{config::Residual{{likeness}, {likeness}}}}, {3}, "kaiming_uniform");
  EXPECT_TRUE(beside.couples_all_ranks());
  EXPECT_TRUE(beside.couples_samples());
  const Plan groups = plan({{config::MinibatchStddev{}}}, {3}, "kaiming_uniform");
  EXPECT_FALSE(groups.couples_all_ranks());
  EXPECT_TRUE(groups.couples_samples());
  EXPECT_FALSE(plan({{config::LayerNorm{}}}, {3}, "kaiming_uniform").couples_samples());
}

TEST(NetworkPlan, BatchesGoTogetherWhereNoLayerSeesTheBatch) {
  const auto together = [](const config::Layer& layer) {
    const config::Layer linear{config::Linear{.units = 3}};
    return plan({{config::Residual{{layer}, {}}}, linear}, {3}, "kaiming_uniform")
        .takes_batches_together();
  };
  EXPECT_TRUE(together({config::Linear{.units = 3}}));
  EXPECT_TRUE(together({config::LayerNorm{}}));
  EXPECT_TRUE(together({config::Maxout{.units = 3, .pieces = 2}}));
  EXPECT_FALSE(together({config::BatchNorm{}}));
  EXPECT_FALSE(together({config::Dropout{}}));  // its numbers are those of a batch's rows
  EXPECT_FALSE(together({config::Linear{.units = 3, .spectral_norm = true}}));  // one step a pass
  EXPECT_FALSE(
      plan({{config::MinibatchStddev{}}}, {3}, "kaiming_uniform").takes_batches_together());
}

TEST(NetworkPlan, LayersDeclareTheirParametersAndBuffers) {
  struct Case {
    config::Layer layer;
    Shape input, output;
    int64_t parameters;
    std::vector<std::string> buffers;
  };
  const std::vector<Case> cases{
      {{config::Linear{.units = 3, .spectral_norm = true}}, {5}, {3}, 18, {"0.u"}},
      {{config::Convolution{.channels = 4, .kernel = 3, .groups = 2}},
       {6, 5, 5},
       {4, 3, 3},
       4 * 3 * 9 + 4,
       {}},
      {{config::TransposedConvolution{.channels = 4, .bias = false, .spectral_norm = true}},
       {2, 5, 5},
       {4, 10, 10},
       2 * 4 * 16,
       {"0.u"}},
      {{config::LayerNorm{}}, {6, 2, 2}, {6, 2, 2}, 12, {}},
      {{config::InstanceNorm{}}, {6, 2, 2}, {6, 2, 2}, 12, {}},
      {{config::GroupNorm{.groups = 3}}, {6}, {6}, 12, {}},
      {{config::Upsample{.factor = 3}}, {6, 2, 5}, {6, 6, 15}, 0, {}},
      {{config::Downsample{.factor = 3}}, {6, 3, 6}, {6, 1, 2}, 0, {}},
      {{config::GlobalPool{}}, {6, 3, 6}, {6}, 0, {}},
      {{config::Dropout{}}, {6, 3}, {6, 3}, 0, {}},
      // query, key, value, output and the gain
      {{config::SelfAttention{}}, {16, 3, 6}, {16, 3, 6}, 4 * 32 + 1, {}},
      {{config::ClassConcatenation{.dimension = 4}}, {6, 3, 6}, {10, 3, 6}, 10 * 4, {}},
      {{config::ClassProjection{}}, {6}, {1}, 6 + 1 + 10 * 6, {}},
      {{config::ClassProjection{.spectral_norm = true}},
       {6},
       {1},
       6 + 1 + 10 * 6,
       {"0.u", "0.embedding_u"}},
      {{config::ClassProjection{.linear = false, .spectral_norm = true}},
       {6},
       {1},
       10 * 6,
       {"0.embedding_u"}},
      {{config::MinibatchStddev{}}, {6, 3, 6}, {7, 3, 6}, 0, {}},
      {{config::MinibatchDiscrimination{.features = 3, .dimension = 2}}, {6}, {9}, 36, {}},
  };
  for (const Case& test : cases) {
    const Plan planned = plan({test.layer}, test.input, "kaiming_uniform", /*classes=*/10);
    SCOPED_TRACE(planned.describe());
    EXPECT_EQ(planned.output, test.output);
    EXPECT_EQ(planned.parameter_count(), test.parameters);
    std::vector<std::string> names;
    for (const auto& buffer : planned.buffers) {
      names.push_back(buffer.name);
      EXPECT_TRUE(buffer.direction);
      EXPECT_EQ(buffer.momentum, 1.0);
    }
    EXPECT_EQ(names, test.buffers);
  }
}

TEST(NetworkPlan, MultipliesEachWeightAtEachPlaceOfTheSmallerSide) {
  const auto of = [](const Layers& layers, const Shape& input) {
    return plan(layers, input, "kaiming_uniform").multiply_adds();
  };
  const config::Layer half{config::Convolution{.channels = 4, .stride = 2, .padding = 1}};
  const config::Layer twice{
      config::TransposedConvolution{.channels = 4, .kernel = 4, .padding = 1}};
  const config::Layer same{config::Convolution{.channels = 3, .padding = 1}};
  EXPECT_EQ(of({{config::Linear{.units = 5}}, {config::Linear{.units = 2}}}, {3}),
            3 * 5 + 5 + 5 * 2 + 2);
  EXPECT_EQ(of({half}, {3, 8, 8}), (3 * 4 * 9 + 4) * 16);
  EXPECT_EQ(of({twice}, {3, 4, 4}), (3 * 4 * 16 + 4) * 16);
  EXPECT_EQ(of({{config::Residual{{same, same}, {}}}, {config::Flatten{}}}, {3, 8, 8}),
            2 * (3 * 3 * 9 + 3) * 64);
}

}  // namespace
}  // namespace allmodes::networks
