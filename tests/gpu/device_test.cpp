// Training on a GPU: the same noise, gradients and updates as on the CPU, and through NCCL those of
// the whole batch. Ranks are threads, each with a GPU of its own: autograd has one thread a GPU, so
// two ranks of one process that meet inside backward would wait for each other.

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <numeric>

#include "data/content.h"
#include "optimizers/flat_adam.h"
#include "ranks/training_fixture.h"
#include "training/noise.h"
#include "training/precision.h"
#include "world/device.h"
#include "world/nccl_communicator.h"

namespace allmodes::training {
namespace {

using ::allmodes::testing::image_gan;
using ::allmodes::testing::image_vae;
using ::allmodes::testing::joined;
using ::allmodes::testing::norm;
using ::allmodes::testing::on_ranks;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;
using ::allmodes::testing::relative_difference;
using ::allmodes::testing::ring_gan;

using Gradients = std::map<std::string, std::vector<float>>;

const at::Device kGpu(at::kCUDA, 0);

Problem penalized_gan() {
  Problem problem = ring_gan();
  problem.gan().discriminator.activation = "softplus";
  problem.gan().penalty = {{.kind = "r1", .weight = 0.5, .interval = 2}};
  return problem;
}

// A step's gradients (or, with `update`, the weights behind it) by network.
Gradients after_step(const Problem& problem, world::Communicator& ranks, at::Device device,
                     bool update) {
  RankTrainer trainer(problem, ranks, device);
  trainer.step(0, update);
  Gradients found;
  for (const auto& network : trainer.model().networks())
    found[network->flat.name] =
        joined(update ? network->flat.parameter_views : network->flat.gradient_views);
  return found;
}

void expect_close(const Gradients& found, const Gradients& expected, double bound) {
  for (const auto& [name, values] : expected) {
    EXPECT_GT(norm(values), 1e-4) << name;
    EXPECT_LT(relative_difference(found.at(name), values), bound) << name;
  }
}

TEST(Gpu, GradientsAndUpdatesAreThoseOfTheCpu) {
  set_precision({.precision = "float32"});
  const auto self = world::make_self_communicator();
  for (const Problem& problem : {ring_gan(), penalized_gan(), image_gan(), image_vae()}) {
    expect_close(after_step(problem, *self, kGpu, false),
                 after_step(problem, *self, at::kCPU, false), 2e-3);
    expect_close(after_step(problem, *self, kGpu, true), after_step(problem, *self, at::kCPU, true),
                 2e-3);
  }
}

TEST(Gpu, BytesBecomeTheSamplesOfTheCpu) {
  std::vector<uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::vector<float> samples(bytes.size());
  data::to_samples(bytes.data(), 256, samples.data());
  const at::Tensor all = at::from_blob(bytes.data(), {256}, at::kByte);
  EXPECT_EQ(joined({samples_of_bytes(all.to(kGpu))}), samples);
  EXPECT_EQ(joined({samples_of_bytes(all)}), samples);
}

TEST(Gpu, NoiseIsThatOfTheCpu) {
  const objectives::NoiseInput input{"latent", {7}};
  const training::NoiseScope scope{1, "phase", 2, 3, 50};
  EXPECT_EQ(joined({make_noise(input, scope, kGpu)}), joined({make_noise(input, scope, at::kCPU)}));
}

TEST(Gpu, AdamSkipsAGradientThatIsNotFinite) {
  auto network = gradients::make_flat_network(
      "network", networks::plan({{config::Linear{.units = 5}}}, {7}, "kaiming_uniform"), 1, kGpu);
  optimizers::FlatAdam adam(network, {.clip_norm = 1.0}, 10);
  const at::NoGradGuard no_grad;
  network.gradient_views[0].fill_(0.5);
  adam.step(0);
  const auto kept = joined({network.parameters, network.average, network.first_moment});
  network.gradient_views[0].fill_(std::numeric_limits<float>::quiet_NaN());
  adam.step(1);
  EXPECT_EQ(joined({network.parameters, network.average, network.first_moment}), kept);
  EXPECT_EQ(adam.skipped().all, 1);
  EXPECT_EQ(adam.updates().item<double>(), 1);
}

// On the CPU it is that of the paper in double precision (ranks/optimizers_test.cpp).
TEST(Gpu, AdamIsThatOfTheCpu) {
  const config::Optimizer settings{.learning_rate = 1e-2,
                                   .weight_decay = 0.01,
                                   .warmup_steps = 3,
                                   .decay = "cosine",
                                   .clip_norm = 0.5,
                                   .ema_decay = 0.9};
  const auto train = [&](at::Device device) {
    auto network = gradients::make_flat_network(
        "network", networks::plan({{config::Linear{.units = 50}}}, {70}, "kaiming_uniform"), 1,
        device);
    optimizers::FlatAdam adam(network, settings, 20);
    const at::NoGradGuard no_grad;
    for (uint64_t step = 0; step < 20; ++step) {
      network.gradient_views[0].copy_(
          make_noise({"gradient", {50, 70}}, {1, "adam", step, 0, 1}, device)[0]);
      adam.step(static_cast<int64_t>(step));
    }
    return joined({network.parameters, network.average, network.first_moment});
  };
  EXPECT_LT(relative_difference(train(kGpu), train(at::kCPU)), 1e-5);
}

// A rank a GPU, as threads; one GPU makes a group of one, whose collectives NCCL runs all the same.
TEST(Nccl, GivesTheGradientOfTheWholeBatch) {
  const int gpus = static_cast<int>(world::visible_gpus().size());
  const int size = gpus >= 4 ? 4 : (gpus >= 2 ? 2 : 1);
  const auto self = world::make_self_communicator();
  const Gradients whole = after_step(image_gan(), *self, kGpu, false);
  const auto ranks = on_ranks<Gradients>(size, [&](world::Communicator& control) {
    world::DeviceChoice device{.cuda = true, .index = control.rank()};
    world::bind_device(device);
    const auto nccl = world::make_nccl_communicator(control, control.rank());
    return after_step(image_gan(), *nccl,
                      at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(control.rank())), false);
  });
  for (const auto& rank : ranks) {
    EXPECT_EQ(rank, ranks[0]);
    expect_close(rank, whole, 1e-4);
  }
}

TEST(Nccl, AMeanOverAGroupOfOneLeavesTheBuffer) {
  const auto self = world::make_self_communicator();
  const auto nccl = world::make_nccl_communicator(*self, 0);
  const at::Tensor values = make_noise({"values", {1000}}, {1, "nccl", 0, 0, 1}, kGpu);
  const auto before = joined({values});
  nccl->all_reduce({.data = values.data_ptr<float>(),
                    .count = values.numel(),
                    .type = world::DataType::f32,
                    .place = world::Place::device},
                   world::ReduceOp::mean, nullptr)
      .wait(nullptr);
  EXPECT_EQ(joined({values}), before);
  nccl->check_health();
}

}  // namespace
}  // namespace allmodes::training
