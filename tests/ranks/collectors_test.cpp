// Collectors: the same figures on 1, 2 and 4 ranks.

#include "diagnostics/collectors/collector.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diagnostics/metrics/precision_recall.h"
#include "ranks/collectors_fixture.h"

namespace allmodes::diagnostics {
namespace {

using ::allmodes::testing::ring_gan;
using fixture::expect_same_on_all_ranks;
using fixture::Figures;
using fixture::once;
using fixture::Problem;
using fixture::RankTrainer;

TEST(Collectors, GiveTheSameFiguresOfAGanOnAnyNumberOfRanks) {
  Problem problem = ring_gan();
  problem.config.diagnostics.samples = 1130;  // five chunks, the last one smaller
  expect_same_on_all_ranks(
      problem, [](RankTrainer&) {},
      [](const Figures& figures) {
        int64_t counted = 0;
        ASSERT_TRUE(figures.evidence.modes.has_value());
        for (const int64_t count : figures.evidence.modes->observed) counted += count;
        EXPECT_EQ(counted, 1130);
        EXPECT_TRUE(figures.evidence.diversity_ratio.has_value());
        EXPECT_TRUE(figures.record.number("high_quality").has_value());
      });
}

// A run that goes back evaluates a step again, with another model: nothing of the first time is
// used.
TEST(Collectors, SeeTheModelAsItIsWhenAStepIsEvaluatedAgain) {
  Problem problem = ring_gan();
  problem.config.diagnostics.samples = 430;
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const CollectorSetup setup{problem.config, trainer.objective(), *problem.dataset, *self, *self,
                             at::kCPU};
  const auto kept = make_collectors(setup);
  // With the collectors of a run, or with new ones.
  const auto figures_of = [&](const auto& collectors) {
    const auto forward = trainer.model().evaluation_forward(/*averaged=*/false);
    const Evaluation evaluation{trainer.objective(),
                                forward,
                                *problem.dataset,
                                *self,
                                at::kCPU,
                                problem.config.seed,
                                7,
                                430};
    const auto generated = generate_chunks(evaluation);
    Figures figures;
    for (const auto& collector : collectors)
      collector.collector->collect(evaluation, generated, figures.record, figures.evidence);
    return figures;
  };
  const auto first = figures_of(kept);
  for (uint64_t step = 0; step < 20; ++step) trainer.step(step);
  const auto again = figures_of(kept);
  EXPECT_NE(again.evidence.modes->observed, first.evidence.modes->observed);
  fixture::expect_equal(again.record, figures_of(make_collectors(setup)).record);
}

TEST(Collectors, GiveTheSameFiguresOfATrainedVaeOnAnyNumberOfRanks) {
  Problem problem = ::allmodes::testing::image_vae();
  problem.config.diagnostics.classifier = false;
  expect_same_on_all_ranks(
      problem,
      [](RankTrainer& trainer) {
        for (uint64_t step = 0; step < 3; ++step) trainer.step(step);
      },
      [](const Figures& figures) {
        EXPECT_TRUE(figures.evidence.r2_mean.has_value());
        EXPECT_TRUE(figures.evidence.kl_total.has_value());
        EXPECT_TRUE(figures.evidence.decoder_sensitivity.has_value());
      });
}

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
        for (const char* name :
             {"frechet_distance", "kernel_distance", "vendi", "coverage_expected"})
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
        const Verdict verdict = judge(evidence, {}, once());
        EXPECT_EQ(verdict.state, State::collapsed);
        EXPECT_NE(verdict.reason.find("530 of 530 samples equal another one"), std::string::npos)
            << verdict.reason;
      });
}

TEST(Collectors, CountSamplesThatAreNotFinite) {
  Problem problem = ring_gan();
  problem.config.diagnostics.samples = 300;
  expect_same_on_all_ranks(
      problem,
      [](RankTrainer& trainer) {
        trainer.model().at("generator").flat.average.fill_(std::numeric_limits<float>::quiet_NaN());
      },
      [](const Figures& figures) {
        EXPECT_GT(figures.evidence.nonfinite_samples, 0);
        const auto verdict = judge(figures.evidence, {}, once());
        EXPECT_EQ(verdict.kind, "divergence");
      });
}

// Codes without posterior, of a prior without a closed form.
TEST(Collectors, GiveTheSameFiguresOfADeterministicEncoderOnAnyNumberOfRanks) {
  Problem problem = ::allmodes::testing::image_autoencoder<config::WaeMmd>();
  problem.config.diagnostics.classifier = false;
  std::get<config::WaeMmd>(problem.config.family).latent.distribution = "mixture";
  expect_same_on_all_ranks(
      problem,
      [](RankTrainer& trainer) {
        for (uint64_t step = 0; step < 3; ++step) trainer.step(step);
      },
      [](const Figures& figures) {
        EXPECT_TRUE(figures.evidence.r2_mean.has_value());
        EXPECT_TRUE(figures.evidence.active_units.has_value());
        EXPECT_TRUE(figures.evidence.aggregate_mmd.has_value());
        EXPECT_GT(*figures.evidence.aggregate_mmd_null_q99, 0);
        EXPECT_FALSE(figures.evidence.kl_total.has_value());
        EXPECT_FALSE(figures.evidence.aggregate_kl.has_value());
        EXPECT_EQ(*figures.record.number("aggregate_samples"), 100);
      });
}

}  // namespace
}  // namespace allmodes::diagnostics
