// One update of Adam with a moving average of the weights: the program's on flat storage beside
// torch::optim::Adam and a lerp a tensor, turn by turn, on one thread. One line of JSON a round.
//
//   build/tests/bench_adam [ROUNDS]

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <fmt/format.h>
#include <torch/optim/adam.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "networks/plan.h"
#include "optimizers/flat_adam.h"

namespace {

using namespace allmodes;
using Clock = std::chrono::steady_clock;

template <typename Update>
double milliseconds_of(int repeats, Update update) {
  const auto start = Clock::now();
  for (int i = 0; i < repeats; ++i) update(i);
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count() / repeats;
}

// A multilayer perceptron of about `width`^2 * 4 parameters.
void measure(int64_t width, int rounds) {
  std::vector<config::Layer> layers(4, {config::Linear{.units = width}});
  auto network = gradients::make_flat_network(
      "network", networks::plan(layers, {width}, "kaiming_uniform"), 1, at::kCPU);
  optimizers::FlatAdam flat(network, {.learning_rate = 1e-3}, 1'000'000);

  std::vector<at::Tensor> weights, averages;
  for (const auto& view : network.parameter_views) {
    weights.push_back(view.detach().clone().requires_grad_(true));
    averages.push_back(view.detach().clone());
    weights.back().mutable_grad() = at::randn(view.sizes()) * 1e-3;
  }
  torch::optim::Adam reference(weights, torch::optim::AdamOptions(1e-3));
  {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < weights.size(); ++i) network.gradient_views[i].copy_(weights[i].grad());
  }
  const int repeats = 50;
  for (int round = -1; round < rounds; ++round) {  // the first one warms up
    const double ours = milliseconds_of(repeats, [&](int step) { flat.step(step); });
    const double theirs = milliseconds_of(repeats, [&](int) {
      reference.step();
      const at::NoGradGuard no_grad;
      for (size_t i = 0; i < weights.size(); ++i) averages[i].lerp_(weights[i], 1e-3);
    });
    if (round >= 0)
      fmt::print("{{\"parameters\": {}, \"allmodes_ms\": {:.4f}, \"torch_ms\": {:.4f}}}\n",
                 network.plan.parameter_count(), ours, theirs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  for (const int64_t width : {160, 500, 935}) measure(width, rounds);  // 0.1 M, 1 M, 3.5 M
  return 0;
}
