#include "training/replicas.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "environment.h"
#include "ranks/training_fixture.h"

namespace allmodes::testing {
namespace {

using training::SkippedUpdate;

// Trains a few steps, disturbs the replica of `odd` ranks and compares: the message, or "" for
// none.
std::string complaint_after(int size, const std::vector<int>& odd,
                            const std::function<void(training::Model&)>& disturb) {
  const auto messages = on_ranks<std::string>(size, [&](world::Communicator& group) -> std::string {
    RankTrainer trainer(ring_gan(), group);
    for (uint64_t step = 0; step < 2; ++step) trainer.step(step);
    training::check_replicas(trainer.model(), {2, 64}, group);  // equal so far
    if (std::ranges::find(odd, group.rank()) != odd.end()) {
      const at::NoGradGuard no_grad;
      disturb(trainer.model());
    }
    try {
      training::check_replicas(trainer.model(), {2, 64}, group);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kProtocol);
      return error.what();
    }
    return "";
  });
  for (const auto& each : messages) EXPECT_EQ(each, messages[0]) << "ranks differ";
  return messages[0];
}

TEST(Replicas, AreEqualBitForBitAfterTraining) {
  for (const int size : kRankCounts) EXPECT_EQ(complaint_after(size, {}, [](auto&) {}), "");
}

// The smallest change there is, in any one part, is seen, and the rank and the part are named.
TEST(Replicas, OneDisturbedNumberNamesTheRankTheNetworkAndThePart) {
  const auto nudge = [](at::Tensor tensor) {
    float* first = tensor.data_ptr<float>();
    *first = std::nextafter(*first, std::numeric_limits<float>::infinity());
  };
  const auto weights = complaint_after(
      4, {2}, [&](training::Model& model) { nudge(model.at("generator").flat.parameters); });
  EXPECT_NE(weights.find("at step 2: rank 2 differs from ranks 0, 1, 3 in the weights of network "
                         "'generator' ("),
            std::string::npos)
      << weights;
  const auto average = complaint_after(
      4, {0}, [&](training::Model& model) { nudge(model.at("discriminator").flat.average); });
  EXPECT_NE(
      average.find("rank 0 differs from ranks 1, 2, 3 in the moving average of network 'disc"),
      std::string::npos)
      << average;
  const auto moment = complaint_after(
      2, {1}, [&](training::Model& model) { nudge(model.at("generator").flat.second_moment); });
  EXPECT_NE(moment.find("rank 1 differs from rank 0 in the second moment of network 'generator'"),
            std::string::npos)
      << moment;
}

TEST(Replicas, RanksAtDifferentStepsAreRefusedWithBothViews) {
  on_ranks<int>(3, [](world::Communicator& group) {
    RankTrainer trainer(ring_gan(), group);
    const uint64_t step = group.rank() == 1 ? 40 : 41;
    try {
      training::check_replicas(trainer.model(), {step, 64}, group);
      ADD_FAILURE() << "no complaint";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what())
                    .find("rank 1 differs from ranks 0, 2 in the number of steps (40, 41)"),
                std::string::npos)
          << error.what();
    }
    return 0;
  });
}

// Everything that the check looks at.
std::vector<at::Tensor> state_of(training::Model& model) {
  std::vector<at::Tensor> state;
  for (const auto& network : model.networks()) {
    const auto& adam = *network->optimizer;
    for (const at::Tensor& each :
         {network->flat.parameters, network->flat.average, network->flat.buffers,
          adam.first_moment(), adam.second_moment(), adam.updates()})
      if (each.numel() > 0) state.push_back(each);
  }
  return state;
}

void flip_a_bit(const std::vector<at::Tensor>& state, Random& random) {
  uint64_t bytes = 0;
  for (const at::Tensor& each : state) bytes += each.nbytes();
  uint64_t bit = random.below(8 * bytes);
  for (const at::Tensor& each : state) {
    if (bit < 8 * each.nbytes()) {
      static_cast<uint8_t*>(each.data_ptr())[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      return;
    }
    bit -= 8 * each.nbytes();
  }
}

bool same_bits(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(a[i].const_data_ptr(), b[i].const_data_ptr(), a[i].nbytes()) != 0) return false;
  return true;
}

// One bit of one rank's weights, averages, statistics, moments or counts changes, and an interval
// of steps later the check says so exactly when the replicas still differ. Few flips are gone by
// then: the lowest bits of moments that decay. ALLMODES_FLIPS: how many are tried.
TEST(Replicas, AFlippedBitIsFoundWithinAnInterval) {
  const char* asked = test::environment("ALLMODES_FLIPS");
  const int flips = asked == nullptr ? 40 : std::atoi(asked);
  constexpr uint64_t kInterval = 3;
  std::array<std::vector<at::Tensor>, 2> states;
  int found = 0, gone = 0;
  run_ranks(2, [&](world::Communicator& group) {
    const auto rank = static_cast<size_t>(group.rank());
    RankTrainer trainer(image_gan(), group);
    for (uint64_t step = 0; step < 4; ++step) trainer.step(step);
    states[rank] = state_of(trainer.model());
    std::vector<at::Tensor> good;
    for (const at::Tensor& each : states[rank]) good.push_back(each.detach().clone());
    const at::NoGradGuard no_grad;
    Random random({.seed = 11, .purpose = Purpose("flips")});
    for (int flip = 0; flip < flips; ++flip) {
      if (rank == 1) flip_a_bit(states[1], random);
      {
        const at::AutoGradMode with_gradients(true);
        for (uint64_t step = 0; step < kInterval; ++step) trainer.step(4 + step);
      }
      bool said = false;
      try {
        training::check_replicas(trainer.model(), {4 + kInterval, 64}, group);
      } catch (const Error& error) {
        said = std::string(error.what()).find("rank 1 differs from rank 0") != std::string::npos;
        EXPECT_TRUE(said) << error.what();
      }
      group.barrier();
      if (rank == 0) {
        EXPECT_EQ(said, !same_bits(states[0], states[1])) << "flip " << flip;
        (said ? found : gone) += 1;
      }
      group.barrier();
      for (size_t i = 0; i < good.size(); ++i) states[rank][i].copy_(good[i]);
      group.barrier();
    }
  });
  EXPECT_EQ(found + gone, flips);
  EXPECT_GE(found, flips * 3 / 4) << gone << " of " << flips << " were gone";
  std::printf("%d flips: %d found within %d steps, %d gone by then\n", flips, found,
              static_cast<int>(kInterval), gone);
}

// Steps of which rank `poisoned` reads a batch with one value that is not finite, in step 1.
struct Outcome {
  std::vector<SkippedUpdate> skipped;  // of step 1
  std::vector<float> discriminator_before, discriminator_after, generator_before, generator_after;
  std::vector<float> statistics;
  bool goes_on = false;
};

Outcome poisoned_step(const Problem& problem, world::Communicator& group, int poisoned) {
  RankTrainer trainer(problem, group);
  auto& model = trainer.model();
  trainer.step(0);
  Outcome outcome;
  outcome.discriminator_before = joined(model.at("discriminator").flat.parameter_views);
  outcome.generator_before = joined(model.at("generator").flat.parameter_views);
  const auto next = [&] {
    auto batch = trainer.next();
    if (group.rank() == poisoned)
      batch.samples.view({-1}).data_ptr<float>()[1] = std::numeric_limits<float>::quiet_NaN();
    return batch;
  };
  const training::StepSettings settings{problem.config.seed, problem.config.microbatches};
  outcome.skipped = run_step(trainer.objective(), model, next, 1, settings).skipped;
  outcome.discriminator_after = joined(model.at("discriminator").flat.parameter_views);
  outcome.generator_after = joined(model.at("generator").flat.parameter_views);
  outcome.statistics = joined(model.at("discriminator").flat.buffer_views);
  outcome.goes_on =
      trainer.step(2).skipped.empty() &&
      joined(model.at("discriminator").flat.parameter_views) != outcome.discriminator_after;
  return outcome;
}

TEST(NotFinite, TheRankIsNamedAndNoRankAppliesTheUpdate) {
  for (const int64_t microbatches : {1, 2}) {
    Problem problem = ring_gan();
    problem.config.microbatches = microbatches;
    for (const int size : kRankCounts) {
      const int poisoned = size - 1;
      const auto outcomes = on_ranks<Outcome>(size, [&](world::Communicator& group) {
        return poisoned_step(problem, group, poisoned);
      });
      for (const Outcome& outcome : outcomes) {
        ASSERT_EQ(outcome.skipped.size(), 1u);
        EXPECT_EQ(outcome.skipped[0].network, "discriminator");
        EXPECT_EQ(outcome.skipped[0].phase, "discriminator");
        EXPECT_EQ(outcome.skipped[0].ranks, std::vector<int>{poisoned});
        EXPECT_EQ(outcome.discriminator_after, outcome.discriminator_before);
        EXPECT_NE(outcome.generator_after, outcome.generator_before);
        EXPECT_EQ(outcome.generator_after, outcomes[0].generator_after);
        EXPECT_TRUE(outcome.goes_on);
      }
    }
  }
}

TEST(NotFinite, RunningStatisticsStayFinite) {
  const auto outcomes = on_ranks<Outcome>(
      2, [&](world::Communicator& group) { return poisoned_step(image_gan(), group, 1); });
  for (const Outcome& outcome : outcomes) {
    EXPECT_FALSE(outcome.skipped.empty());
    ASSERT_FALSE(outcome.statistics.empty());
    for (const float value : outcome.statistics) EXPECT_TRUE(std::isfinite(value));
    EXPECT_EQ(outcome.statistics, outcomes[0].statistics);
    EXPECT_TRUE(outcome.goes_on);
  }
}

// Two networks that one phase trains; their losses are a(scale x) scale and b(x).
class Pair final : public objectives::Objective {
 public:
  explicit Pair(double scale) {
    for (const char* name : {"a", "b"})
      networks_.push_back(
          {name,
           networks::plan({{config::Linear{.units = 1, .bias = false}}}, {2}, "kaiming_uniform"),
           {}});
    objectives::Phase phase{.name = "both", .trains = {"a", "b"}};
    phase.losses = [scale](const objectives::PhaseInput& in) {
      objectives::PhaseOutput out;
      out.losses.push_back({"a", (in.forward("a", in.samples * scale) * scale).mean()});
      out.losses.push_back({"b", in.forward("b", in.samples).mean()});
      return out;
    };
    phases_ = {phase};
  }
  const std::vector<objectives::NetworkSpec>& networks() const override { return networks_; }
  const std::vector<objectives::Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return latent_; }
  std::string generator() const override { return "b"; }
  at::Tensor generate(const objectives::Forward& forward, const at::Tensor& latent,
                      const at::Tensor&) const override {
    return forward("b", latent);
  }

 private:
  std::vector<objectives::NetworkSpec> networks_;
  std::vector<objectives::Phase> phases_;
  config::Latent latent_;
};

// Step 0 of `pair` on points (x, x), on this rank.
training::StepReport step_of(const Pair& pair, training::Model& model, int rank, double x) {
  const auto next = [&] {
    return training::LocalBatch{at::full({4, 2}, x), at::Tensor(), rank * 4};
  };
  return run_step(pair, model, next, 0, training::StepSettings{.seed = 1});
}

void set_weights(training::Model& model, double value) {
  const at::NoGradGuard no_grad;
  model.at("a").flat.parameter_views[0].fill_(value);
}

TEST(NotFinite, NoNetworkOfAPhaseIsUpdatedWhereTheGradientOfOneIsNotFinite) {
  for (const int size : kRankCounts) {
    run_ranks(size, [&](world::Communicator& group) {
      const Pair pair(1e20);
      training::Model model(pair, short_run(1, 4 * size), at::kCPU, group);
      set_weights(model, 0);  // the loss is 0, its gradient beyond float32
      const auto before = joined(model.at("b").flat.parameter_views);
      const auto skipped = step_of(pair, model, group.rank(), 1).skipped;
      ASSERT_EQ(skipped.size(), 1U);
      EXPECT_EQ(skipped[0].network, "a");
      EXPECT_EQ(skipped[0].ranks.size(), static_cast<size_t>(size));
      EXPECT_TRUE(skipped[0].losses.empty());
      EXPECT_EQ(joined(model.at("b").flat.parameter_views), before);
      EXPECT_EQ(model.at("b").skipped().all, 1);
    });
  }
}

TEST(NotFinite, AnInfiniteLossWithFiniteGradientsIsASkippedUpdateAndNamed) {
  for (const int size : kRankCounts) {
    run_ranks(size, [&](world::Communicator& group) {
      // On the last rank the loss is 2 * 20 * 2e37, beyond float32; the gradients are 2e37 there
      // and 1e36 elsewhere.
      const Pair pair(4.5e18);
      training::Model model(pair, short_run(1, 4 * size), at::kCPU, group);
      set_weights(model, 20);
      const auto before = joined(model.at("a").flat.parameter_views);
      const bool last = group.rank() + 1 == size;
      const auto skipped = step_of(pair, model, group.rank(), last ? 1.0 : 0.05).skipped;
      ASSERT_FALSE(skipped.empty());
      EXPECT_EQ(skipped[0].network, "a");
      EXPECT_EQ(skipped[0].ranks, std::vector<int>{size - 1});
      EXPECT_EQ(skipped[0].losses, std::vector<std::string>{"a"});
      EXPECT_EQ(joined(model.at("a").flat.parameter_views), before);
      EXPECT_EQ(model.at("a").skipped().all, 1);
    });
  }
}

TEST(NotFinite, TheLimitIsOfUpdatesOfOneNetworkInARow) {
  const std::vector<training::NetworkSkips> skips = {
      {"encoder", {.all = 90, .in_a_row = 0, .longest_row = 4}},
      {"decoder", {.all = 7, .in_a_row = 0, .longest_row = 5}}};
  EXPECT_EQ(training::network_at_limit(skips, 6), nullptr);
  ASSERT_NE(training::network_at_limit(skips, 5), nullptr);
  EXPECT_EQ(training::network_at_limit(skips, 5)->network, "decoder");
  EXPECT_EQ(training::network_at_limit(skips, 4)->network, "encoder");
  EXPECT_EQ(training::network_at_limit(skips, 0), nullptr);  // no limit
}

}  // namespace
}  // namespace allmodes::testing
