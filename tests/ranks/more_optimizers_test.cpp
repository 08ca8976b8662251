// A network that two phases train with an optimizer each: beside a hand computation, over ranks,
// and through a checkpoint.

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cmath>

#include "checkpoints/checkpoint.h"
#include "optimizers/schedule.h"
#include "ranks/training_fixture.h"
#include "training/snapshot.h"

namespace allmodes::training {
namespace {

using testing::joined;
using Floats = std::vector<float>;

constexpr int64_t kSteps = 12;
constexpr double kPull = 3;
const config::Optimizer kOwn{.learning_rate = 0.02, .beta1 = 0.9, .ema_decay = 0.5};
const config::Optimizer kOther{.learning_rate = 0.005, .beta1 = 0.2, .beta2 = 0.9};

// One linear layer w; "shrink" minimizes |w|^2 / 2 with its own optimizer, "pull" kPull * sum w
// with another: their gradients are w and kPull.
class TwoTasks final : public objectives::Objective {
 public:
  explicit TwoTasks(const std::string& optimizer = "other") {
    const auto plan = networks::plan({{config::Linear{.units = 3}}}, {2}, "kaiming_uniform", 0);
    networks_ = {{"net", plan, kOwn, {{"other", kOther}}}};
    objectives::Phase shrink{.name = "shrink", .trains = {"net"}};
    shrink.losses = [](const objectives::PhaseInput& in) {
      at::Tensor sum;
      for (const at::Tensor& weight : in.forward.weights("net")) {
        const at::Tensor half = weight.square().sum() * 0.5;
        sum = sum.defined() ? sum + half : half;
      }
      return objectives::PhaseOutput{{{"shrink", sum}}, {}, {}};
    };
    objectives::Phase pull{
        .name = "pull", .trains = {"net"}, .reads_samples = false, .optimizer = optimizer};
    pull.losses = [](const objectives::PhaseInput& in) {
      at::Tensor sum;
      for (const at::Tensor& weight : in.forward.weights("net"))
        sum = sum.defined() ? sum + weight.sum() : weight.sum();
      return objectives::PhaseOutput{{{"pull", sum, kPull}}, {}, {}};
    };
    phases_ = {shrink, pull};
  }

  const std::vector<objectives::NetworkSpec>& networks() const override { return networks_; }
  const std::vector<objectives::Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return latent_; }
  std::string generator() const override { return "net"; }
  at::Tensor generate(const objectives::Forward& forward, const at::Tensor& latent,
                      const at::Tensor&) const override {
    return forward("net", latent);
  }

 private:
  config::Latent latent_{.dimension = 2};
  std::vector<objectives::NetworkSpec> networks_;
  std::vector<objectives::Phase> phases_;
};

struct PlainAdam {
  config::Optimizer settings;
  std::vector<double> m = {}, v = {};
  int updates = 0;

  void step(std::vector<double>& weights, const std::vector<double>& gradient,
            std::vector<double>& average, int64_t step) {
    m.resize(weights.size());
    v.resize(weights.size());
    ++updates;
    const double decay = optimizers::ema_decay(settings, step, 1);
    for (size_t i = 0; i < weights.size(); ++i) {
      m[i] = settings.beta1 * m[i] + (1 - settings.beta1) * gradient[i];
      v[i] = settings.beta2 * v[i] + (1 - settings.beta2) * gradient[i] * gradient[i];
      weights[i] -= settings.learning_rate * (m[i] / (1 - std::pow(settings.beta1, updates))) /
                    (std::sqrt(v[i] / (1 - std::pow(settings.beta2, updates))) + settings.epsilon);
      average[i] = decay * average[i] + (1 - decay) * weights[i];
    }
  }
};

NextBatch any_batch() {
  return [] { return LocalBatch{at::ones({4, 2}, at::kFloat), {}, 0}; };
}

config::RunConfig run_config() {
  return testing::short_run(3, 4, kSteps);
}

TEST(MoreOptimizers, KeepMomentsOfTheirOwnAsAHandComputationDoes) {
  const auto self = world::make_self_communicator();
  const TwoTasks objective;
  Model model(objective, run_config(), at::kCPU, *self);
  const auto& flat = model.at("net").flat;
  const Floats start = joined(flat.parameter_views);
  std::vector<double> weights(start.begin(), start.end()), average = weights;
  PlainAdam own{kOwn}, other{kOther};
  for (int64_t step = 0; step < kSteps; ++step) {
    run_step(objective, model, any_batch(), static_cast<uint64_t>(step), {3, 1});
    // The average moves once a step, with the last update.
    std::vector<double> unmoved = average;
    own.step(weights, std::vector<double>(weights), unmoved, step);
    other.step(weights, std::vector<double>(weights.size(), kPull), average, step);
    const Floats found = joined(flat.parameter_views), averaged = joined(flat.average_views);
    for (size_t i = 0; i < weights.size(); ++i) {
      ASSERT_NEAR(found[i], weights[i], 2e-6) << "step " << step;
      ASSERT_NEAR(averaged[i], average[i], 2e-6) << "step " << step;
    }
  }
  EXPECT_EQ(model.at("net").optimizer->updates().item<double>(), kSteps);
  EXPECT_EQ(model.at("net").more_optimizers.at("other")->updates().item<double>(), kSteps);
  EXPECT_NEAR(model.at("net").more_optimizers.at("other")->gradient_norm(), kPull * 3, 1e-5);
}

TEST(MoreOptimizers, OfAnUnknownNameAreAnError) {
  const auto self = world::make_self_communicator();
  const TwoTasks objective("another");
  Model model(objective, run_config(), at::kCPU, *self);
  EXPECT_THROW(run_step(objective, model, any_batch(), 0, {3, 1}), Error);
}

TEST(MoreOptimizers, CountTheirSkippedUpdatesForTheNetwork) {
  const auto self = world::make_self_communicator();
  const TwoTasks objective;
  Model model(objective, run_config(), at::kCPU, *self);
  auto& network = model.at("net");
  EXPECT_EQ(network.skipped().all, 0);
  network.flat.gradients.fill_(NAN);
  network.more_optimizers.at("other")->step(0);
  EXPECT_EQ(network.skipped().all, 1);
  EXPECT_EQ(network.optimizer->skipped().all, 0);
}

TEST(MoreOptimizers, AreSavedUnderTheirNames) {
  const auto self = world::make_self_communicator();
  const TwoTasks objective;
  Model model(objective, run_config(), at::kCPU, *self);
  run_step(objective, model, any_batch(), 0, {3, 1});
  std::vector<std::string> names;
  const Snapshot snapshot = take_snapshot(model);
  for (const auto& view : snapshot.payload.at("net")) names.push_back(view.name);
  for (const char* name :
       {"first_moment/0.weight", "second_moment/0.bias", "updates", "other.first_moment/0.weight",
        "other.second_moment/0.bias", "other.updates"})
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
}

}  // namespace
}  // namespace allmodes::training
