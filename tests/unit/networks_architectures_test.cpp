// Named architectures: their shapes, their published sizes and what they refuse, without a tensor.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "networks/registry.h"

namespace allmodes::networks {
namespace {

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

TEST(Architectures, SayTheNearestImageSizesThatFit) {
  const auto complaint = [](const char* architecture, int64_t side) -> std::string {
    try {
      layers_of({.architecture = architecture}, {64}, {3, side, side}, Role::kGenerator, "tanh");
    } catch (const ShapeError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(complaint("dcgan", 100), ::testing::HasSubstr("the nearest that fit: 96 and 112"));
  EXPECT_THAT(complaint("r3gan", 3), ::testing::HasSubstr("the nearest that fit: 8"));
  EXPECT_THAT(complaint("sn_resnet", 100),
              ::testing::HasSubstr("the nearest that fit: 64 and 128"));
  EXPECT_EQ(complaint("dcgan", 96), "");
}

TEST(NetworkRegistry, EveryArchitectureDeclaresTheFieldsItReads) {
  EXPECT_THAT(architecture_names(), ::testing::IsSupersetOf({"dcgan", "mlp", "r3gan"}));
  for (const auto name : architecture_names())
    EXPECT_NE(std::ranges::count(architecture_fields(name), "width"), 0) << name;
  EXPECT_EQ(std::ranges::count(architecture_fields("dcgan"), "maxout_pieces"), 0);
  EXPECT_EQ(std::ranges::count(architecture_fields("r3gan"), "norm"), 0);
  EXPECT_TRUE(architecture_fields("nothing").empty());
}

// The shapes of the weights, without biases and normalizations.
std::vector<Shape> weights_of(const Plan& planned) {
  std::vector<Shape> weights;
  for (const auto& parameter : planned.parameters)
    if (parameter.shape.size() > 1) weights.push_back(parameter.shape);
  return weights;
}

TEST(NetworkRegistry, TheVeeganSettingHasThePublishedLayers) {
  const config::Network network{.architecture = "dcgan_veegan", .width = 64, .norm = "batch"};
  const Shape image{3, 28, 28};
  const Plan generator = plan_of(network, {100}, image, Role::kGenerator, "tanh");
  EXPECT_EQ(generator.output, image);
  EXPECT_EQ(
      weights_of(generator),
      (std::vector<Shape>{
          {2 * 2 * 512, 100}, {512, 256, 5, 5}, {256, 128, 5, 5}, {128, 64, 5, 5}, {64, 3, 5, 5}}));
  std::vector<int64_t> sides;
  for (const auto& layer : generator.layers)
    if (std::holds_alternative<config::TransposedConvolution>(layer.layer.kind))
      sides.push_back(layer.output[1]);
  EXPECT_EQ(sides, (std::vector<int64_t>{4, 7, 14, 28}));
  // Batch norm of 512 + 256 + 128 + 64 channels, and the last bias.
  EXPECT_EQ(generator.parameter_count(),
            2048 * 100 + 25 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * 960 + 3);
  // Packing 2: six channels.
  const Plan discriminator = plan_of(network, {6, 28, 28}, {1}, Role::kDiscriminator);
  EXPECT_EQ(
      weights_of(discriminator),
      (std::vector<Shape>{
          {64, 6, 5, 5}, {128, 64, 5, 5}, {256, 128, 5, 5}, {512, 256, 5, 5}, {1, 2 * 2 * 512}}));
  EXPECT_EQ(plan_of(network, {100}, {3, 32, 32}, Role::kDecoder).output, (Shape{3, 32, 32}));
  EXPECT_EQ(plan_of(network, {3, 32, 32}, {40}, Role::kEncoder).output, Shape{40});
}

TEST(NetworkRegistry, TheUnrolledSettingHasThePublishedLayers) {
  config::Network network{.architecture = "dcgan_unrolled", .width = 8, .norm = "batch"};
  const Shape image{3, 28, 28};
  const Plan generator = plan_of(network, {256}, image, Role::kGenerator, "tanh");
  EXPECT_EQ(generator.output, image);
  EXPECT_EQ(weights_of(generator),
            (std::vector<Shape>{
                {4 * 4 * 64, 256}, {64, 32, 3, 3}, {32, 16, 3, 3}, {16, 8, 3, 3}, {3, 8, 3, 3}}));
  network.width = 4;
  const Plan discriminator = plan_of(network, image, {1}, Role::kDiscriminator);
  EXPECT_EQ(weights_of(discriminator),
            (std::vector<Shape>{{4, 3, 3, 3}, {8, 4, 3, 3}, {16, 8, 3, 3}, {1, 4 * 4 * 16}}));
  EXPECT_EQ(discriminator.buffers.size(), 6U) << "a batch norm after every convolution";
  const auto* leaky = std::get_if<config::Activation>(&discriminator.layers[2].layer.kind);
  ASSERT_NE(leaky, nullptr);
  EXPECT_EQ(leaky->slope, 0.3);
}

int64_t convolution(int64_t from, int64_t to, int64_t kernel) {
  return from * to * kernel * kernel + to;
}

TEST(NetworkRegistry, SnResnetHasThePublishedSize) {
  const config::Network generator{.architecture = "sn_resnet", .width = 256};
  const config::Network discriminator{.architecture = "sn_resnet", .width = 128};
  const Shape image{3, 32, 32};
  const int64_t w = 256, d = 128;
  const Plan g = plan_of(generator, {128}, image, Role::kGenerator, "tanh");
  EXPECT_EQ(g.output, image);
  EXPECT_EQ(g.parameter_count(), (128 + 1) * 16 * w +
                                     3 * (2 * convolution(w, w, 3) + convolution(w, w, 1) + 4 * w) +
                                     2 * w + convolution(w, 3, 3));
  const Plan c = plan_of(discriminator, image, {1}, Role::kDiscriminator);
  EXPECT_EQ(c.parameter_count(), convolution(3, d, 3) + convolution(d, d, 3) +
                                     convolution(3, d, 1) + 2 * convolution(d, d, 3) +
                                     convolution(d, d, 1) + 4 * convolution(d, d, 3) + d + 1);
  EXPECT_EQ(c.buffers.size(), 3U + 3 + 2 + 2 + 1) << "a spectral norm of every weight";
  EXPECT_TRUE(plan_of(discriminator, image, {40}, Role::kEncoder).buffers.empty());

  const config::Network wide{.architecture = "sn_resnet", .width = 64};
  const Shape large{3, 64, 64};
  const Plan g64 = plan_of(wide, {128}, large, Role::kGenerator, "tanh");
  EXPECT_EQ(g64.output, large);
  EXPECT_EQ(weights_of(g64)[0], (Shape{1024 * 16, 128}));
  EXPECT_EQ(weights_of(plan_of(wide, large, {1}, Role::kDiscriminator)).back(), (Shape{1, 512}));
  for (const int64_t size : {28, 48, 16})
    EXPECT_THROW(plan_of(wide, {3, size, size}, {1}, Role::kDiscriminator), ShapeError);
}

TEST(NetworkRegistry, R3ganHasNoNormalizationAndGroupsOfSixteenChannels) {
  const int64_t w = 16;
  const config::Network network{.architecture = "r3gan", .width = w, .depth = 2};
  const Shape image{1, 28, 28};
  const Plan generator = plan_of(network, {64}, image, Role::kGenerator, "tanh");
  const Plan discriminator = plan_of(network, image, {1}, Role::kDiscriminator);
  EXPECT_EQ(generator.output, image);
  EXPECT_TRUE(generator.buffers.empty());
  EXPECT_FALSE(discriminator.couples_samples());
  const int64_t block = convolution(w, 2 * w, 1) + 2 * w * 16 * 9 + 2 * w + 2 * w * w;
  // 7, 14 and 28 pixels, two blocks each; a basis of 7 x 7 pixels
  EXPECT_EQ(generator.parameter_count(), 64 * w + w * 49 + 6 * block + w);
  EXPECT_EQ(discriminator.parameter_count(), w + 6 * block + w * 49 + w);
  EXPECT_THROW(plan_of({.architecture = "r3gan", .width = 12}, image, {1}, Role::kDiscriminator),
               ShapeError);
}

// The authors' settings (arXiv 2501.05441); the counts are those of their networks.
TEST(NetworkRegistry, R3ganHasThePublishedSizes) {
  struct Published {
    config::Network network;
    int64_t side, classes, generator, discriminator;
  };
  const auto network = [](int64_t width, int64_t widest, int64_t group) {
    return config::Network{
        .architecture = "r3gan", .width = width, .depth = 2, .widest = widest, .group_size = group};
  };
  for (const auto& [settings, side, classes, generator, discriminator] :
       {Published{network(768, 0, 16), 32, 10, 20'781'952, 21'280'512},
        Published{network(384, 768, 16), 64, 0, 22'429'824, 22'381'440},
        Published{network(1536, 0, 32), 32, 1000, 82'914'304, 86'548'992}}) {
    const auto count = [&](const Shape& input, const Shape& output, Role role) {
      return plan(build({.network = settings,
                         .input = input,
                         .output = output,
                         .role = role,
                         .output_activation = "none",
                         .conditioning = classes > 0 ? "projection" : "none"}),
                  input, settings.initialization, classes)
          .parameter_count();
    };
    const Shape image{3, side, side};
    EXPECT_EQ(count({64}, image, Role::kGenerator), generator);
    EXPECT_EQ(count(image, {1}, Role::kDiscriminator), discriminator);
  }
}

// Huang et al., arXiv 2501.05441: of L blocks the first two convolutions have the gain of leaky
// ReLU times L^(-1/4), the last is 0, and everything else has the gain 1.
TEST(NetworkRegistry, R3ganStartsAsPublished) {
  const config::Network settings{.architecture = "r3gan", .width = 32, .depth = 2, .widest = 64};
  const Plan planned = plan_of(settings, {3, 32, 32}, {1}, Role::kDiscriminator);
  const auto deviation = [&](const std::string& name) {
    const auto found = std::ranges::find(planned.parameters, name, &ParameterSpec::name);
    EXPECT_NE(found, planned.parameters.end()) << name;
    EXPECT_EQ(found->init, Init::kDeviation) << name;
    return found->deviation;
  };
  const double gain = std::sqrt(2 / 1.04) * std::pow(8, -0.25);
  EXPECT_DOUBLE_EQ(deviation("0.weight"), 1 / std::sqrt(3));
  EXPECT_DOUBLE_EQ(deviation("1.0.weight"), gain / std::sqrt(32));
  EXPECT_DOUBLE_EQ(deviation("1.2.weight"), gain / std::sqrt(16 * 9));
  EXPECT_EQ(deviation("1.4.weight"), 0);
  EXPECT_DOUBLE_EQ(deviation("4.weight"), 1 / std::sqrt(32)) << "from 32 channels to 64";
  EXPECT_DOUBLE_EQ(deviation("13.weight"), 1.0 / 4) << "a basis of 4 x 4 pixels";
  const Plan generator = plan_of(settings, {64}, {3, 32, 32}, Role::kGenerator);
  EXPECT_EQ(generator.parameters[1].name, "2.weight");
  EXPECT_DOUBLE_EQ(generator.parameters[1].deviation, 1)
      << "a basis is multiplied, not summed over";
}

TEST(NetworkRegistry, ArchitecturesHonourTheRemediesOfADiscriminator) {
  for (const char* name :
       {"mlp", "dcgan", "dcgan_veegan", "dcgan_unrolled", "sn_resnet", "r3gan"}) {
    SCOPED_TRACE(name);
    config::Network network{
        .architecture = name, .width = 8, .minibatch_stddev = 4, .minibatch_features = 5};
    const Shape image{1, 32, 32};
    const auto layers = layers_of(network, image, {1}, Role::kDiscriminator, "none");
    const auto count = [&]<class Kind>(const Kind&) {
      return std::ranges::count_if(layers, [](const config::Layer& layer) {
        return std::holds_alternative<Kind>(layer.kind);
      });
    };
    EXPECT_EQ(count(config::MinibatchStddev{}), 1);
    EXPECT_EQ(count(config::MinibatchDiscrimination{}), 1);
    EXPECT_EQ(plan(layers, image, "kaiming_uniform").output, Shape{1});
    EXPECT_THROW(layers_of(network, {6}, image, Role::kGenerator, "tanh"), ShapeError);
    EXPECT_THROW(layers_of(network, image, {6}, Role::kEncoder, "none"), ShapeError);
  }
  for (const char* name : {"mlp", "dcgan", "dcgan_veegan", "dcgan_unrolled"}) {
    SCOPED_TRACE(name);
    const config::Network network{
        .architecture = name, .width = 8, .spectral_norm = true, .dropout = 0.25};
    const Plan planned = plan_of(network, {1, 32, 32}, {1}, Role::kDiscriminator);
    const auto matrices = weights_of(planned).size();
    EXPECT_EQ(planned.buffers.size(), matrices) << "a spectral norm of every weight";
    EXPECT_EQ(
        std::ranges::count_if(planned.layers,
                              [](const LayerPlan& layer) {
                                return std::holds_alternative<config::Dropout>(layer.layer.kind);
                              }),
        static_cast<std::ptrdiff_t>(matrices) - 1)
        << "a dropout after every hidden activation";
  }
  EXPECT_THROW(layers_of({.maxout_pieces = 3, .spectral_norm = true}, {2}, {1},
                         Role::kDiscriminator, "none"),
               ShapeError);
}

TEST(NetworkRegistry, EveryNormIsBuiltWhereItFits) {
  for (const char* norm : {"none", "batch", "sync_batch", "layer", "instance", "group"}) {
    for (const char* name : {"dcgan", "dcgan_veegan", "dcgan_unrolled"}) {
      const config::Network network{.architecture = name, .width = 12, .norm = norm};
      EXPECT_EQ(plan_of(network, {1, 32, 32}, {1}, Role::kDiscriminator).output, Shape{1});
      EXPECT_EQ(plan_of(network, {6}, {1, 32, 32}, Role::kGenerator).output, (Shape{1, 32, 32}));
    }
    const config::Network mlp{.width = 12, .norm = norm};
    if (std::string(norm) == "instance") {
      EXPECT_THROW(plan_of(mlp, {2}, {1}, Role::kDiscriminator), ShapeError);
    } else {
      EXPECT_EQ(plan_of(mlp, {2}, {1}, Role::kDiscriminator).output, Shape{1});
    }
  }
}

TEST(NetworkRegistry, LabelsAreProjectedInDiscriminatorsAndConcatenatedElsewhere) {
  const Shape image{1, 32, 32};
  for (const char* name :
       {"mlp", "dcgan", "dcgan_veegan", "dcgan_unrolled", "sn_resnet", "r3gan"}) {
    SCOPED_TRACE(name);
    const config::Network network{.architecture = name, .width = 8};
    const auto planned = [&](const Shape& input, const Shape& output, Role role,
                             const std::string& conditioning) {
      const auto layers = build({.network = network,
                                 .input = input,
                                 .output = output,
                                 .role = role,
                                 .output_activation = "none",
                                 .conditioning = conditioning});
      const Plan result = plan(layers, input, "kaiming_uniform", /*classes=*/10);
      EXPECT_EQ(result.output, output);
      return result;
    };
    const auto has = [](const Plan& network_plan, const char* parameter, const Shape& shape) {
      return std::ranges::any_of(network_plan.parameters, [&](const ParameterSpec& spec) {
        return spec.name.ends_with(parameter) && (shape.empty() || spec.shape == shape);
      });
    };
    const Shape embedding{10, 16};
    // R3GAN's is as long as the code beside which it stands.
    const Shape beside_code{10, std::string(name) == "r3gan" ? 6 : 16};
    for (const char* conditioning : {"projection", "concatenation"}) {
      EXPECT_TRUE(
          has(planned({6}, image, Role::kGenerator, conditioning), "embedding", beside_code));
      EXPECT_TRUE(has(planned({6}, image, Role::kDecoder, conditioning), "embedding", beside_code));
      EXPECT_TRUE(has(planned(image, {6}, Role::kEncoder, conditioning), "embedding", embedding));
    }
    EXPECT_TRUE(
        has(planned(image, {1}, Role::kDiscriminator, "concatenation"), "embedding", embedding));
    const Plan projected = planned(image, {1}, Role::kDiscriminator, "projection");
    EXPECT_TRUE(
        std::holds_alternative<config::ClassProjection>(projected.layers.back().layer.kind));
    // Where the architecture's weights have a spectral norm, the table has one, too.
    EXPECT_EQ(std::get<config::ClassProjection>(projected.layers.back().layer.kind).spectral_norm,
              std::string(name) == "sn_resnet");
    EXPECT_FALSE(has(projected, "embedding", embedding));
    EXPECT_FALSE(has(planned(image, {1}, Role::kDiscriminator, "none"), "embedding", {}));
  }
}

}  // namespace
}  // namespace allmodes::networks
