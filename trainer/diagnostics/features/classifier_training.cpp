#include "diagnostics/features/classifier_training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/random.h"
#include "data/sampler.h"
#include "gradients/compute_stream.h"
#include "gradients/gradient_hooks.h"
#include "gradients/gradient_reducer.h"
#include "networks/forward.h"
#include "objectives/objective.h"
#include "optimizers/flat_adam.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kBatch = 128;
constexpr int64_t kPasses = 5;
constexpr int64_t kFewestSteps = 400;
constexpr int64_t kMostSteps = 2400;

networks::Plan make_plan(const data::Dataset& dataset) {
  // Windows of five pixels, then of three of these with stride 2: they see strokes and corners
  // whole. (Five again take twice as long, for two images in a thousand of Fashion-MNIST.)
  const auto convolution = [](int64_t channels, int64_t kernel) {
    return config::Layer{config::Convolution{
        .channels = channels, .kernel = kernel, .stride = 2, .padding = kernel / 2, .bias = false}};
  };
  const config::Layer relu{config::Activation{}};
  const config::Layer norm{config::BatchNorm{.statistics = "global"}};
  return networks::plan({convolution(24, 5), norm, relu, convolution(48, 3), norm, relu,
                         config::Layer{config::Flatten{}},
                         config::Layer{config::Linear{.units = kClassifierFeatures}}, relu,
                         config::Layer{config::Linear{.units = dataset.classes()}}},
                        objectives::network_shape(dataset.shape()), "kaiming_uniform");
}

// Sums over ranks what batch norm asks for.
networks::StatisticsReducer statistics_reducer(world::Communicator& exchange, at::Device device) {
  return [&exchange, device](at::Tensor statistics) {
    const world::Stream stream = gradients::compute_stream(device);
    exchange
        .all_reduce({.data = statistics.data_ptr<double>(),
                     .count = statistics.numel(),
                     .type = world::DataType::f64,
                     .place = device.is_cuda() ? world::Place::device : world::Place::host},
                    world::ReduceOp::sum, stream)
        .wait(stream);
  };
}

// This rank's images of each global batch.
class Feed {
 public:
  Feed(const data::Dataset& dataset, uint64_t seed, const data::Share& share)
      : dataset_(dataset),
        seed_(seed),
        share_(share),
        order_(dataset.size(), seed),
        indices_(static_cast<size_t>(share.count)),
        labels_(indices_.size()) {
    auto shape = objectives::network_shape(dataset.shape());
    shape.insert(shape.begin(), share.count);
    images_ = at::empty(shape, at::kFloat);
  }

  // Valid until the next call.
  void read(int64_t step) {
    const auto first = static_cast<uint64_t>(step * kBatch + share_.first);
    order_.indices(first, share_.count, indices_.data());
    dataset_.copy(indices_, images_.data_ptr<float>(), labels_.data());
    shift_images(dataset_.shape(), seed_, first, share_.count, images_.data_ptr<float>());
  }
  const at::Tensor& images() const { return images_; }
  at::Tensor labels() { return at::from_blob(labels_.data(), {share_.count}, at::kLong); }

 private:
  const data::Dataset& dataset_;
  uint64_t seed_;
  data::Share share_;
  data::Sampler order_;
  std::vector<int64_t> indices_;
  std::vector<int64_t> labels_;
  at::Tensor images_;
};

}  // namespace

void shift_images(const data::SampleShape& shape, uint64_t seed, uint64_t first, int64_t count,
                  float* images) {
  std::vector<float> uniform(static_cast<size_t>(2 * count));
  fill_uniform({.seed = seed, .purpose = Purpose("classifier/shift")}, first, count, 2,
               uniform.data());
  std::vector<float> moved(static_cast<size_t>(shape.values()));
  const auto pixels = [](float u) {
    return static_cast<int64_t>(u * static_cast<float>(2 * kClassifierShift + 1)) -
           kClassifierShift;
  };
  for (int64_t i = 0; i < count; ++i, images += shape.values()) {
    const int64_t dx = pixels(uniform[static_cast<size_t>(2 * i)]);
    const int64_t dy = pixels(uniform[static_cast<size_t>(2 * i + 1)]);
    std::fill(moved.begin(), moved.end(), -1.0f);
    const int64_t width = std::max<int64_t>(0, shape.width - std::abs(dx));
    for (int64_t row = 0; row < shape.channels * shape.height; ++row) {
      const int64_t y = row % shape.height + dy;  // where the row goes
      if (y < 0 || y >= shape.height) continue;
      std::copy_n(images + row * shape.width + std::max<int64_t>(0, -dx), width,
                  moved.begin() + (row + dy) * shape.width + std::max<int64_t>(0, dx));
    }
    std::copy(moved.begin(), moved.end(), images);
  }
}

int64_t classifier_steps(int64_t images) {
  const auto passes = static_cast<double>(images) * kPasses / kBatch;  // may be astronomic
  return static_cast<int64_t>(std::clamp<double>(passes, static_cast<double>(kFewestSteps),
                                                 static_cast<double>(kMostSteps)));
}

gradients::FlatNetwork make_classifier_network(const data::Dataset& dataset, uint64_t seed,
                                               at::Device device) {
  return gradients::make_flat_network("classifier", make_plan(dataset), seed, device);
}

at::Tensor classifier_scores(const gradients::FlatNetwork& network, const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  networks::Context context{.training = false};
  return networks::forward(network.plan, network.average_views, network.buffer_views, images,
                           context);
}

gradients::FlatNetwork train_classifier(const data::Dataset& dataset, uint64_t seed, int64_t steps,
                                        world::Communicator& exchange, at::Device device) {
  auto network = make_classifier_network(dataset, seed, device);
  gradients::GradientReducer reducer(
      network, exchange,
      gradients::plan_buckets(network.slices, network.order, network.parameter_span,
                              network.parameter_span));
  optimizers::FlatAdam adam(
      network, {.learning_rate = 2e-3, .beta1 = 0.9, .decay = "cosine", .ema_decay = 0.99}, steps);
  const data::Share share = data::share(kBatch, exchange.rank(), exchange.size());
  const auto sum = statistics_reducer(exchange, device);
  // Means over shares of different size, averaged over ranks, weigh every image alike.
  const double weight = static_cast<double>(share.count) * exchange.size() / kBatch;
  Feed feed(dataset, seed, share);
  for (int64_t step = 0; step < steps; ++step) {
    feed.read(step);
    networks::BatchStatistics statistics;
    networks::Context context{.training = true,
                              .reducer = exchange.size() > 1 ? &sum : nullptr,
                              .batch_statistics = &statistics};
    reducer.arm();
    const at::Tensor scores =
        networks::forward(network.plan, network.parameter_views, network.buffer_views,
                          feed.images().to(device), context);
    gradients::backward(at::cross_entropy_loss(scores, feed.labels().to(device)) * weight);
    {
      const at::NoGradGuard no_grad;
      for (size_t i = 0; i < statistics.counts.size(); ++i)
        network.batch_statistic_views[i].copy_(statistics.sums[i]);
    }
    reducer.finish(gradients::compute_stream(device));
    adam.step(step);
    networks::update_running_statistics(
        network.plan,
        {network.batch_statistic_views, std::vector<int>(network.buffer_views.size(), 1)},
        network.buffer_views);
    if (exchange.rank() == 0 && (step + 1) % 400 == 0)
      spdlog::info("classifier: step {} of {}", step + 1, steps);
  }
  return network;
}

}  // namespace allmodes::diagnostics
