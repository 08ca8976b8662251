#include "diagnostics/classifier.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "checkpoints/safetensors.h"
#include "data/sampler.h"
#include "gradients/compute_stream.h"
#include "gradients/gradient_hooks.h"
#include "gradients/gradient_reducer.h"
#include "networks/forward.h"
#include "optimizers/flat_adam.h"
#include "records/durable_file.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kBatch = 128;
constexpr int64_t kSteps = 1600;  // about 3.4 epochs of 60,000 images
constexpr const char* kName = "classifier";

networks::Plan make_plan(const data::Dataset& dataset) {
  const auto convolution = [](int64_t channels) {
    return config::Layer{
        config::Convolution{.channels = channels, .kernel = 3, .stride = 2, .padding = 1}};
  };
  const config::Layer relu{config::Activation{}};
  const config::Layer norm{config::BatchNorm{}};
  return networks::plan(
      {convolution(24), norm, relu, convolution(48), norm, relu, config::Layer{config::Flatten{}},
       config::Layer{config::Linear{.units = 128}}, relu,
       config::Layer{config::Linear{.units = dataset.classes()}}},
      objectives::network_shape(dataset.shape()), "kaiming_uniform");
}

at::Tensor run(const gradients::FlatNetwork& network, const at::Tensor& images, bool training,
               networks::BatchStatistics* statistics) {
  networks::Context context{.training = training, .batch_statistics = statistics};
  return networks::forward(network.plan, training ? network.parameter_views : network.average_views,
                           network.buffer_views, images, context);
}

// Every rank draws its share of each global batch, so the classifier is the same for the same
// batches whatever the rank count (up to rounding and the local batch norm).
void train(gradients::FlatNetwork& network, const CollectorSetup& setup) {
  gradients::GradientReducer reducer(
      network, setup.exchange,
      gradients::plan_buckets(network.slices, network.order, network.parameter_span,
                              network.parameter_span));
  optimizers::FlatAdam adam(
      network, {.learning_rate = 2e-3, .beta1 = 0.9, .decay = "cosine", .ema_decay = 0.99}, kSteps);
  const data::Sampler order(setup.dataset.size(), setup.config.seed);
  const data::Share share = data::share(kBatch, setup.control.rank(), setup.control.size());
  std::vector<int64_t> indices(static_cast<size_t>(share.count));
  std::vector<int64_t> labels(indices.size());
  auto shape = network.plan.input;
  shape.insert(shape.begin(), share.count);
  const at::Tensor host = at::empty(shape, at::kFloat);
  for (int64_t step = 0; step < kSteps; ++step) {
    order.indices(static_cast<uint64_t>(step * kBatch + share.first), share.count, indices.data());
    setup.dataset.copy(indices, host.data_ptr<float>(), labels.data());
    const at::Tensor target =
        at::from_blob(labels.data(), {share.count}, at::kLong).to(setup.device);
    networks::BatchStatistics statistics;
    reducer.arm();
    const at::Tensor scores = run(network, host.to(setup.device), true, &statistics);
    gradients::backward(at::cross_entropy_loss(scores, target));
    {
      const at::NoGradGuard no_grad;
      for (size_t i = 0; i < statistics.counts.size(); ++i)
        network.batch_statistic_views[i].copy_(statistics.sums[i]);
    }
    reducer.finish(gradients::compute_stream(setup.device));
    adam.step(step);
    networks::update_running_statistics(
        network.plan,
        {network.batch_statistic_views, std::vector<int>(network.buffer_views.size(), 1)},
        network.buffer_views);
    if (setup.control.rank() == 0 && (step + 1) % 400 == 0)
      spdlog::info("classifier: step {} of {}", step + 1, kSteps);
  }
}

// Share of `dataset` classified rightly, over all ranks.
double measure(const Classifier& classifier, const data::Dataset& dataset,
               const CollectorSetup& setup) {
  std::vector<int64_t> right{0};
  for_each_chunk(dataset.size(), setup.control, [&](int64_t first, int64_t count) {
    std::vector<int64_t> labels;
    const auto images = real_samples(dataset, 0, first, count, &labels);
    const auto found = classifier.classify(images.to(setup.device));
    for (size_t i = 0; i < labels.size(); ++i) right[0] += found[i] == labels[i] ? 1 : 0;
  });
  sum_over_ranks(setup.control, right);
  return static_cast<double>(right[0]) / static_cast<double>(dataset.size());
}

std::filesystem::path cache_file(const data::Dataset& dataset) {
  return classifier_cache() / fmt::format("{:016x}.safetensors", dataset.fingerprint());
}

// All of the network's state as one list of named tensors.
std::vector<std::pair<std::string, at::Tensor>> tensors_of(const gradients::FlatNetwork& network) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (size_t i = 0; i < network.plan.parameters.size(); ++i)
    tensors.emplace_back(network.plan.parameters[i].name, network.average_views[i]);
  for (size_t i = 0; i < network.plan.buffers.size(); ++i)
    tensors.emplace_back(network.plan.buffers[i].name, network.buffer_views[i]);
  return tensors;
}

// Reads rank 0's cached classifier; the accuracy, or -1 where there is none that fits.
double read_cache(gradients::FlatNetwork& network, const data::Dataset& dataset) {
  const auto path = cache_file(dataset);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return -1;
  try {
    const at::NoGradGuard no_grad;
    const checkpoints::SafetensorsFile file(path);
    for (auto& [name, tensor] : tensors_of(network)) {
      const at::Tensor host = at::empty(tensor.sizes(), at::kFloat);
      file.read(name, host.data_ptr<float>(), static_cast<size_t>(host.nbytes()));
      tensor.copy_(host);
    }
    return std::stod(file.metadata().at("accuracy"));
  } catch (const std::exception& error) {
    spdlog::warn("the cached classifier is not used: {}", error.what());
    return -1;
  }
}

void write_cache(const Classifier& classifier, const data::Dataset& dataset) {
  try {
    std::filesystem::create_directories(classifier_cache());
    std::vector<at::Tensor> storage;
    std::vector<checkpoints::TensorView> views;
    for (const auto& [name, tensor] : tensors_of(classifier.network())) {
      storage.push_back(tensor.detach().to(at::kCPU).contiguous());
      views.push_back({.name = name,
                       .shape = tensor.sizes().vec(),
                       .data = storage.back().data_ptr<float>(),
                       .bytes = static_cast<size_t>(storage.back().nbytes())});
    }
    const auto path = cache_file(dataset);
    auto temporary = path;
    temporary += fmt::format(".{}", ::getpid());
    checkpoints::write_safetensors(temporary, views,
                                   {{"accuracy", fmt::format("{}", classifier.accuracy())}});
    std::filesystem::rename(temporary, path);
  } catch (const std::exception& error) {
    spdlog::warn("the classifier is not cached: {}", error.what());
  }
}

// Rank 0's weights and buffers to every rank.
void broadcast(gradients::FlatNetwork& network, world::Communicator& exchange) {
  for (const at::Tensor* tensor : {&network.average, &network.buffers}) {
    if (tensor->numel() == 0) continue;
    const auto stream = gradients::compute_stream(tensor->device());
    exchange
        .broadcast({.data = tensor->data_ptr<float>(),
                    .count = tensor->numel(),
                    .type = world::DataType::f32,
                    .place = tensor->is_cuda() ? world::Place::device : world::Place::host},
                   0, stream)
        .wait(stream);
  }
}

}  // namespace

std::vector<int64_t> Classifier::classify(const at::Tensor& images) const {
  const at::NoGradGuard no_grad;
  const at::Tensor best = run(network_, images, false, nullptr).argmax(1).to(at::kCPU);
  const auto* data = best.data_ptr<int64_t>();
  return {data, data + best.numel()};
}

std::filesystem::path classifier_cache() {
  if (const char* own = std::getenv("ALLMODES_CACHE"))
    return std::filesystem::path(own) / "classifiers";
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"))
    return std::filesystem::path(xdg) / "allmodes" / "classifiers";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/tmp") / ".cache/allmodes/classifiers";
}

Classifier obtain_classifier(const CollectorSetup& setup) {
  auto network = gradients::make_flat_network(kName, make_plan(setup.dataset), 1, setup.device);
  const bool root = setup.control.rank() == 0;
  double accuracy = root ? read_cache(network, setup.dataset) : -1;
  world::broadcast_host(setup.control, std::span(&accuracy, 1), 0);
  if (accuracy >= 0) {
    broadcast(network, setup.exchange);
    return {std::move(network), accuracy};
  }
  if (root)
    spdlog::info("training a classifier of the {} classes, once for this data set",
                 setup.dataset.classes());
  train(network, setup);
  Classifier untested(std::move(network), 0);
  const auto held_out = data::make_held_out_dataset(setup.config.data, setup.config.seed);
  accuracy = measure(untested, held_out ? *held_out : setup.dataset, setup);
  Classifier classifier(std::move(untested.network()), accuracy);
  if (root) {
    spdlog::info("classifier: {:.2f} % of {} images right", 100 * accuracy,
                 held_out ? "held-out" : "its training");
    write_cache(classifier, setup.dataset);
  }
  return classifier;
}

}  // namespace allmodes::diagnostics
