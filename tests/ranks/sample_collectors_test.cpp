// Collectors of sample metrics and of a conditional model's classes.

#include <gtest/gtest.h>

#include <limits>

#include "diagnostics/neighbors.h"
#include "ranks/collectors_fixture.h"

namespace allmodes::diagnostics {
namespace {

using ::allmodes::testing::expect_same_on_all_ranks;
using ::allmodes::testing::Figures;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;
using ::allmodes::testing::ring_gan;

TEST(Collectors, GiveTheSameSampleMetricsOnAnyNumberOfRanksAndThoseOfTheSamples) {
  Problem problem = ring_gan();
  problem.config.diagnostics.samples = 430;
  problem.config.diagnostics.sample_metrics = "pixels";
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const auto forward = trainer.model().evaluation_forward(true);
  const Evaluation evaluation{
      trainer.objective(), forward, *problem.dataset, *self, at::kCPU, problem.config.seed, 7, 430};
  std::vector<float> fakes;
  for (const auto& chunk : generate_chunks(evaluation)) {
    const auto* values = chunk.samples.data_ptr<float>();
    fakes.insert(fakes.end(), values, values + chunk.samples.numel());
  }
  const at::Tensor reals = real_samples(*problem.dataset, problem.config.seed, 0, 430);
  const Features real_rows{{reals.data_ptr<float>(), static_cast<size_t>(reals.numel())}, 2};
  const auto scores = neighborhood_scores(real_rows, {fakes, 2}, {});
  expect_same_on_all_ranks(
      problem, [](RankTrainer&) {},
      [&](const Figures& figures) {
        EXPECT_EQ(figures.record.number("precision"), scores.precision);
        EXPECT_EQ(figures.record.number("recall"), scores.recall);
        EXPECT_EQ(figures.record.number("density"), scores.density);
        EXPECT_EQ(figures.record.number("coverage"), scores.coverage);
        EXPECT_EQ(figures.record.number("sample_count"), 430);
        for (const char* name : {"frechet_distance", "kid", "vendi", "coverage_expected"})
          EXPECT_TRUE(figures.record.number(name).has_value()) << name;
      });
}

TEST(Collectors, LeaveSampleMetricsOutOfWhatIsNotFinite) {
  Problem problem = ring_gan();
  problem.config.diagnostics.samples = 300;
  problem.config.diagnostics.sample_metrics = "pca";
  expect_same_on_all_ranks(
      problem,
      [](RankTrainer& trainer) {
        trainer.model().at("generator").flat.average.fill_(std::numeric_limits<float>::quiet_NaN());
      },
      [](const Figures& figures) {
        EXPECT_FALSE(figures.record.number("precision").has_value());
        EXPECT_GT(figures.evidence.nonfinite_samples, 0);
      });
}

TEST(Collectors, GiveEachClassOfAConditionalModelOnAnyNumberOfRanks) {
  Problem problem = ::allmodes::testing::image_vae();
  problem.vae().conditional = true;
  problem.config.diagnostics.classifier = false;
  problem.config.diagnostics.samples = 530;
  expect_same_on_all_ranks(
      problem, [](RankTrainer&) {},
      [&](const Figures& figures) {
        const auto& asked = std::get<std::vector<int64_t>>(*figures.record.find("class_samples"));
        ASSERT_EQ(asked.size(), 2U);
        EXPECT_EQ(asked[0] + asked[1], 530);
        const auto& spread = std::get<std::vector<double>>(*figures.record.find("class_spread"));
        for (const double value : spread) {
          EXPECT_GT(value, 0);
          EXPECT_LT(value, 1);  // an untrained decoder hardly listens to its code
        }
        EXPECT_EQ(figures.record.find("class_accuracy"), nullptr);
      });
}

// One image a class: what the model was asked for is all that it makes.
TEST(Collectors, SeeOneImageAClassAsNoSpread) {
  Problem problem = ::allmodes::testing::image_vae();
  problem.vae().conditional = true;
  problem.config.diagnostics.classifier = false;
  problem.config.diagnostics.samples = 530;
  expect_same_on_all_ranks(
      problem, [](RankTrainer& trainer) { trainer.model().at("decoder").flat.average.fill_(0.0F); },
      [](const Figures& figures) {
        for (const double value :
             std::get<std::vector<double>>(*figures.record.find("class_spread")))
          EXPECT_NEAR(value, 0, 1e-9);
        EXPECT_EQ(figures.record.number("copies"), 530);
        Evidence evidence = figures.evidence;
        evidence.step = 7;
        const Verdict verdict = judge(evidence, {}, config::Verdict{});
        EXPECT_EQ(verdict.state, State::collapsed);
        EXPECT_NE(verdict.reason.find("530 of 530 samples equal another one"), std::string::npos)
            << verdict.reason;
      });
}

}  // namespace
}  // namespace allmodes::diagnostics
