// What a rollback changes, and what is refused of it.

#include "config/adjustment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"

namespace allmodes::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Adjustment, FactorsArePowersAndAdditionsAreRepeated) {
  RunConfig config;
  Gan gan;
  gan.generator_optimizer.learning_rate = 1e-3;
  gan.discriminator_optimizer.learning_rate = 2e-3;
  gan.penalty.push_back({.kind = "r1", .weight = 2});
  config.family = gan;
  config.verdict.rollback = {.learning_rate = 0.5,
                             .discriminator_learning_rate = 2,
                             .discriminator_steps = 1,
                             .penalty_weight = 3,
                             .instance_noise = 0.1};
  const RunConfig after = adjusted(config, 2);
  const Gan& changed = std::get<Gan>(after.family);
  EXPECT_DOUBLE_EQ(changed.generator_optimizer.learning_rate, 2.5e-4);
  EXPECT_DOUBLE_EQ(changed.discriminator_optimizer.learning_rate, 2e-3);
  EXPECT_EQ(changed.discriminator_steps, 3);
  EXPECT_DOUBLE_EQ(changed.penalty[0].weight, 18);
  EXPECT_DOUBLE_EQ(changed.instance_noise, 0.2);
  EXPECT_EQ(print(adjusted(config, 0)), print(config));
  EXPECT_THAT(adjustments(config, 2),
              ElementsAre("gan.generator_optimizer.learning_rate 0.0005 -> 0.00025",
                          "gan.discriminator_steps 2 -> 3", "gan.penalty[0].weight 6 -> 18",
                          "gan.instance_noise 0.1 -> 0.2"));
}

TEST(Adjustment, OfTheKlKeepsTheWeightOfInfoVaesMmd) {
  RunConfig config;
  config.family = InfoVae{};
  config.verdict.rollback.kl_weight = 0.25;
  const RunConfig after = adjusted(config, 1);
  const InfoVae& infovae = std::get<InfoVae>(after.family);
  EXPECT_DOUBLE_EQ(1 - infovae.alpha, 0.25);
  EXPECT_DOUBLE_EQ(infovae.alpha + infovae.lambda - 1, 999);
  config.family = Vae{};
  const RunConfig vae = adjusted(config, 2);
  EXPECT_DOUBLE_EQ(std::get<Vae>(vae.family).beta, 0.0625);
}

std::string problem_of(const std::string& text) {
  const Loaded loaded = parse(text, "run.txtpb");
  return loaded.problems.empty() ? "" : loaded.problems[0].path + " " + loaded.problems[0].message;
}

TEST(Adjustment, ThatChangesNothingIsRefused) {
  EXPECT_THAT(problem_of("vae {} verdict { rollback { discriminator_steps: 1 } }"),
              HasSubstr("verdict.rollback.discriminator_steps"));
  EXPECT_THAT(problem_of("gan {} verdict { rollback { penalty_weight: 2 } }"),
              HasSubstr("nothing in this gan is changed by it"));
  EXPECT_THAT(problem_of("gan {} verdict { on_collapse: \"rollback\" }"),
              HasSubstr("would make the same steps again"));
  EXPECT_EQ(
      problem_of("gan {} verdict { on_collapse: \"rollback\" rollback { learning_rate: .5 } }"),
      "");
  EXPECT_THAT(problem_of("gan {} verdict { confirmations: 4 }"),
              HasSubstr("verdict.confirmations"));
}

}  // namespace
}  // namespace allmodes::config
