// Shapes, parameters and errors of networks, without a tensor.

#include <gtest/gtest.h>

#include <algorithm>

#include "networks/plan.h"
#include "networks/registry.h"

namespace allmodes::networks {
namespace {

using Layers = std::vector<config::Layer>;

std::string error_of(const Layers& layers, const Shape& input, std::string* path = nullptr) {
  try {
    plan(layers, input, "kaiming_uniform");
  } catch (const ShapeError& error) {
    if (path != nullptr) *path = error.path();
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    return error.what();
  }
  return "no error";
}

std::vector<config::Layer> layers_of(const config::Network& network, const Shape& input,
                                     const Shape& output, Role role,
                                     const std::string& activation) {
  return build({.network = network,
                .input = input,
                .output = output,
                .role = role,
                .output_activation = activation});
}

Plan plan_of(const config::Network& network, const Shape& input, const Shape& output, Role role,
             const std::string& activation = "none") {
  return plan(layers_of(network, input, output, role, activation), input, network.initialization);
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
      {{relu, {config::Residual{{relu, {config::Linear{.units = 5}}}}}},
       {3},
       "layers[1]",
       "turn 3 into 5"},
      {{relu, {config::Residual{{relu, {config::Linear{.units = -5}}}}}},
       {3},
       "layers[1].residual.layers[1]",
       "units is -5"},
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
  const Plan planned = plan(
      {{config::Linear{.units = 6}},
       {config::BatchNorm{.statistics = "global", .momentum = 0.25}},
       {config::Residual{{{config::Activation{}}, {config::Linear{.units = 6, .bias = false}}}}},
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
    return plan({{config::Residual{{{config::BatchNorm{.statistics = statistics}}}}}}, {3},
                "kaiming_uniform");
  };
  EXPECT_TRUE(with("global").couples_all_ranks());
  EXPECT_FALSE(with("local").couples_all_ranks());
  EXPECT_TRUE(with("local").couples_samples());
}

TEST(NetworkRegistry, DcganReachesEveryImageSize) {
  for (const int64_t size : {28, 32, 48, 64, 128}) {
    for (const int64_t channels : {1, 3}) {
      for (const char* norm : {"none", "batch", "sync_batch"}) {
        const config::Network network{.architecture = "dcgan", .width = 8, .norm = norm};
        const Shape image{channels, size, size};
        EXPECT_EQ(plan_of(network, {20}, image, Role::kGenerator, "tanh").output, image);
        EXPECT_EQ(plan_of(network, {20}, image, Role::kDecoder).output, image);
        EXPECT_EQ(plan_of(network, image, {1}, Role::kDiscriminator).output, Shape{1});
        EXPECT_EQ(plan_of(network, image, {40}, Role::kEncoder).output, Shape{40});
      }
    }
  }
}

TEST(NetworkRegistry, DcganHasThePublishedChannels) {
  const Plan generator = plan_of({.architecture = "dcgan", .width = 128, .norm = "batch"}, {100},
                                 {3, 64, 64}, Role::kGenerator, "tanh");
  std::vector<Shape> weights;
  for (const auto& parameter : generator.parameters)
    if (parameter.shape.size() > 1) weights.push_back(parameter.shape);
  EXPECT_EQ(weights, (std::vector<Shape>{{1024 * 16, 100},
                                         {1024, 512, 4, 4},
                                         {512, 256, 4, 4},
                                         {256, 128, 4, 4},
                                         {128, 3, 4, 4}}));
}

TEST(NetworkRegistry, DcganRefusesWhatItCannotMake) {
  const config::Network network{.architecture = "dcgan"};
  for (const Shape& image : {Shape{1, 30, 30}, Shape{1, 28, 32}, Shape{2}, Shape{1, 6, 6}})
    EXPECT_THROW(layers_of(network, {10}, image, Role::kGenerator, "tanh"), ShapeError);
  EXPECT_THROW(layers_of({.architecture = "dcgan", .width = int64_t{1} << 60}, {10}, {1, 32, 32},
                     Role::kGenerator, "tanh"),
               ShapeError);
}

TEST(NetworkRegistry, MlpIsThePacGanSetting) {
  const Plan generator = plan_of({.width = 400, .depth = 4, .norm = "batch", .bias = false}, {2},
                                 {2}, Role::kGenerator);
  EXPECT_EQ(generator.parameter_count(), 2 * 400 + 3 * 400 * 400 + 4 * 800 + 2 * 400 + 2);
  const Plan discriminator =
      plan_of({.width = 200, .depth = 3, .maxout_pieces = 5}, {2}, {1}, Role::kDiscriminator);
  EXPECT_EQ(discriminator.layers.size(), 4U);
  EXPECT_EQ(discriminator.parameter_count(), 3 * 1000 + 2 * 201 * 1000 + 201);
}

TEST(NetworkRegistry, MlpTakesAndMakesImages) {
  EXPECT_EQ(plan_of({}, {8}, {3, 5, 5}, Role::kDecoder, "tanh").output, (Shape{3, 5, 5}));
  EXPECT_EQ(plan_of({}, {3, 5, 5}, {1}, Role::kDiscriminator).output, Shape{1});
}

TEST(NetworkRegistry, TheConfiguredOutputActivationWins) {
  const auto last = [](const char* configured) {
    const auto layers =
        layers_of({.output_activation = configured}, {2}, {2}, Role::kGenerator, "tanh");
    const auto* activation = std::get_if<config::Activation>(&layers.back().kind);
    return activation == nullptr ? std::string("none") : activation->function;
  };
  EXPECT_EQ(last(""), "tanh");
  EXPECT_EQ(last("sigmoid"), "sigmoid");
  EXPECT_EQ(last("none"), "none");
}

TEST(NetworkRegistry, OwnLayersReplaceTheArchitecture) {
  const config::Network network{.architecture = "nothing",
                                .layers = {{config::Linear{.units = 7}}}};
  EXPECT_EQ(plan_of(network, {2}, {7}, Role::kGenerator, "tanh").layers.size(), 1U);
  EXPECT_THROW(layers_of({.architecture = "nothing"}, {2}, {2}, Role::kGenerator, ""), ShapeError);
  EXPECT_THROW(layers_of({.depth = 0}, {2}, {2}, Role::kGenerator, ""), ShapeError);
  EXPECT_THROW(layers_of({.norm = "nothing"}, {2}, {2}, Role::kGenerator, ""), ShapeError);
}

TEST(NetworkRegistry, EveryArchitectureDeclaresTheFieldsItReads) {
  EXPECT_EQ(architecture_names(), (std::vector<std::string_view>{"mlp", "dcgan"}));
  for (const auto name : architecture_names())
    EXPECT_NE(std::ranges::count(architecture_fields(name), "width"), 0) << name;
  EXPECT_EQ(std::ranges::count(architecture_fields("dcgan"), "maxout_pieces"), 0);
  EXPECT_TRUE(architecture_fields("nothing").empty());
}

}  // namespace
}  // namespace allmodes::networks
