// A phase that goes on from what the discriminator's phase computed trains the same weights, bit
// for bit, as one that computes it anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ranks/first_stage_problem.h"
#include "ranks/training_fixture.h"

namespace allmodes::training {
namespace {

using testing::joined;
using Floats = std::vector<float>;

// An objective with other phases.
class Changed final : public objectives::Objective {
 public:
  Changed(const objectives::Objective& whole, const std::function<void(objectives::Phase&)>& change)
      : whole_(whole), phases_(whole.phases()) {
    std::ranges::for_each(phases_, change);
  }
  const std::vector<objectives::NetworkSpec>& networks() const override {
    return whole_.networks();
  }
  const std::vector<objectives::Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return whole_.latent(); }
  std::string generator() const override { return whole_.generator(); }
  at::Tensor generate(const objectives::Forward& forward, const at::Tensor& latent,
                      const at::Tensor& labels) const override {
    return whole_.generate(forward, latent, labels);
  }

 private:
  const objectives::Objective& whole_;
  std::vector<objectives::Phase> phases_;
};

// Batch norm in the encoder, whose running statistics both of its phases move, two steps of the
// discriminator and a penalty of its own phase between it and the encoder's.
template <class Family>
testing::Problem problem(const std::string& posterior) {
  testing::Problem made = testing::image_autoencoder<Family>();
  auto& family = std::get<Family>(made.config.family);
  if constexpr (requires { family.posterior; }) family.posterior = posterior;
  family.encoder.norm = "batch";
  family.discriminator_steps = 2;
  family.penalty = {{.kind = "r1", .weight = 1, .interval = 2}};
  return made;
}

struct Trained {
  std::vector<Floats> weights, buffers;
  bool operator==(const Trained&) const = default;
};

Trained train(const testing::Problem& problem, const objectives::Objective& objective,
              world::Communicator& ranks, int64_t microbatches) {
  Model model(objective, problem.config, at::kCPU, ranks);
  testing::RankTrainer feed(problem, ranks);
  for (uint64_t step = 0; step < 6; ++step)
    run_step(objective, model, [&] { return feed.next(); }, step,
             {problem.config.seed, microbatches});
  Trained trained;
  for (const auto& network : model.networks()) {
    trained.weights.push_back(joined(network->flat.parameter_views));
    trained.buffers.push_back(joined(network->flat.buffer_views));
  }
  return trained;
}

template <class Family>
class HandingOn : public ::testing::Test {};
using Families = ::testing::Types<config::Aae, config::WaeGan, config::VaeGan>;
TYPED_TEST_SUITE(HandingOn, Families);

TYPED_TEST(HandingOn, TrainsTheWeightsOfComputingAnew) {
  for (const std::string posterior : {"deterministic", "gaussian"}) {
    const auto settings = problem<TypeParam>(posterior);
    for (const int ranks : {1, 2}) {
      for (const int64_t microbatches : {1, 2}) {
        SCOPED_TRACE(fmt::format("{} {} {}", posterior, ranks, microbatches));
        testing::run_ranks(ranks, [&](world::Communicator& group) {
          const auto objective = testing::objective_of(settings);
          ASSERT_EQ(
              std::ranges::count_if(objective->phases(),
                                    [](const auto& phase) { return !phase.hands_on.empty(); }),
              1);
          const Trained whole = train(settings, *objective, group, microbatches);
          const Changed each_alone(*objective, [](auto& phase) { phase.hands_on.clear(); });
          const Trained alone = train(settings, each_alone, group, microbatches);
          EXPECT_EQ(whole, alone);
          EXPECT_NE(whole.buffers[0], Floats(whole.buffers[0].size(), 0.0F));
        });
      }
    }
  }
}

// The pass of encoder and decoder, whatever stands between them.
TEST(HandingOnAFirstStage, TrainsTheWeightsOfComputingAnew) {
  for (const std::string quantizer : {"kl", "vq", "fsq", "lfq"}) {
    auto settings = testing::first_stage(quantizer);
    auto& family = testing::family_of(settings);
    family.adversarial_weight = 0.5;
    family.discriminator_start = 1;
    family.discriminator_steps = 2;
    const auto objective = testing::objective_of(settings);
    const Changed each_alone(*objective, [](auto& phase) { phase.hands_on.clear(); });
    testing::run_ranks(2, [&](world::Communicator& group) {
      const Trained whole = train(settings, *objective, group, /*microbatches=*/2);
      const Trained alone = train(settings, each_alone, group, /*microbatches=*/2);
      EXPECT_TRUE(whole == alone) << quantizer;
    });
  }
}

// What is handed on is of this step, and of the weights that the encoder still has.
TEST(HandingOnOnce, IsSeenByTheNextPhaseThatTrainsTheNetworkAndByNoneBehindIt) {
  using Seen = std::vector<std::pair<std::string, bool>>;
  const auto settings = problem<config::Aae>("gaussian");
  const auto whole = testing::objective_of(settings);
  Seen seen;
  const Changed watched(*whole, [&seen](auto& phase) {
    phase.losses = [&seen, name = phase.name,
                    losses = phase.losses](const objectives::PhaseInput& in) {
      seen.emplace_back(name, !in.handed_on.empty());
      return losses(in);
    };
  });
  train(settings, watched, *world::make_self_communicator(), 1);
  seen.resize(6);
  EXPECT_EQ(seen, (Seen{{"reconstruction", false},
                        {"discriminator_0", false},
                        {"discriminator", false},
                        {"r1", true},
                        {"code", true},
                        {"reconstruction", false}}));
}

}  // namespace
}  // namespace allmodes::training
