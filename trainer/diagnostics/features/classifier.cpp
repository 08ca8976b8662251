#include "diagnostics/features/classifier.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <sstream>
#include <system_error>

#include "base/cache_folder.h"
#include "base/error.h"
#include "checkpoints/safetensors.h"
#include "diagnostics/features/classifier_training.h"
#include "diagnostics/features/sample_chunks.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "gradients/compute_stream.h"
#include "networks/forward.h"

namespace allmodes::diagnostics {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int64_t kMostReals = 100'000;  // looked at for the shares

// The set that is classified: what is on the channels, or the set itself.
const data::Dataset& labelled(const data::Dataset& dataset) {
  return dataset.channel_base() != nullptr ? *dataset.channel_base() : dataset;
}

// What was measured of a network.
struct Measured {
  double accuracy = 0;
  std::vector<int64_t> counts;  // [classes], of real images by the class they are taken for
};

// With half an image more of each class (Krichevsky, Trofimov 1981): one that the data lacks may
// still be what a sample is taken for, and that is no infinite divergence.
std::vector<double> shares_of(const std::vector<int64_t>& counts) {
  const double total =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0})) +
      0.5 * static_cast<double>(counts.size());
  std::vector<double> shares;
  for (const int64_t count : counts) shares.push_back((static_cast<double>(count) + 0.5) / total);
  return shares;
}

std::vector<int64_t> best_classes(const at::Tensor& scores) {
  const at::Tensor best = scores.argmax(1).to(at::kCPU);
  const auto* data = best.data_ptr<int64_t>();
  return {data, data + best.numel()};
}

// Of `total` images of `dataset`, over all ranks: how many are taken for each class, and the share
// taken rightly.
Measured measure(const gradients::FlatNetwork& network, const data::Dataset& dataset,
                 const ClassifierSetup& setup) {
  const int64_t total = std::min(kMostReals, dataset.size());
  std::vector<int64_t> counts(static_cast<size_t>(dataset.classes()) + 1, 0);  // and those right
  for_each_chunk(total, setup.control, [&](int64_t first, int64_t count) {
    std::vector<int64_t> labels;
    const auto images = real_samples(dataset, kSeed, first, count, &labels);
    const auto found = best_classes(classifier_scores(network, images.to(setup.device)));
    for (size_t i = 0; i < labels.size(); ++i) {
      ++counts[static_cast<size_t>(found[i])];
      counts.back() += found[i] == labels[i] ? 1 : 0;
    }
  });
  sum_over_ranks(setup.control, counts);
  const double accuracy = static_cast<double>(counts.back()) / static_cast<double>(total);
  counts.pop_back();
  return {.accuracy = accuracy, .counts = std::move(counts)};
}

std::filesystem::path file_in(const std::filesystem::path& cache, const data::Dataset& dataset) {
  return cache / fmt::format("{:016x}-{}.safetensors", dataset.fingerprint(), kClassifierRecipe);
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

// The numbers of "5923,6742,...", of which there must be `count`.
std::vector<int64_t> parse_counts(const std::string& text, size_t count) {
  std::vector<int64_t> counts;
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) counts.push_back(std::stoll(item));
  const bool possible = std::ranges::all_of(counts, [](int64_t n) { return n >= 0; });
  if (counts.size() != count || !possible || std::ranges::max(counts) == 0)
    ALLMODES_FAIL(ExitCode::kDataError, "counts '{}' of {} classes", text, count);
  return counts;
}

// Reads rank 0's cached classifier into `network`; nothing where there is none that fits.
std::optional<Measured> read_cache(gradients::FlatNetwork& network, const data::Dataset& dataset) {
  const auto cache = classifier_cache();
  if (!cache) return std::nullopt;
  const auto path = file_in(*cache, dataset);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  try {
    const at::NoGradGuard no_grad;
    const checkpoints::SafetensorsFile file(path);
    for (auto& [name, tensor] : tensors_of(network)) {
      const at::Tensor host = at::empty(tensor.sizes(), at::kFloat);
      file.read(name, host.data_ptr<float>(), static_cast<size_t>(host.nbytes()));
      tensor.copy_(host);
    }
    return Measured{.accuracy = std::stod(file.metadata().at("accuracy")),
                    .counts = parse_counts(file.metadata().at("counts"),
                                           static_cast<size_t>(dataset.classes()))};
  } catch (const std::exception& error) {
    spdlog::warn("the cached classifier is not used: {}", error.what());
    return std::nullopt;
  }
}

void write_cache(const gradients::FlatNetwork& network, const Measured& measured,
                 const data::Dataset& dataset) {
  const auto cache = classifier_cache();
  if (!cache) return;
  try {
    prepare_cache_folder(*cache);
    std::vector<at::Tensor> storage;
    std::vector<checkpoints::TensorView> views;
    for (const auto& [name, tensor] : tensors_of(network)) {
      storage.push_back(tensor.detach().to(at::kCPU).contiguous());
      views.push_back({.name = name,
                       .shape = tensor.sizes().vec(),
                       .data = storage.back().data_ptr<float>(),
                       .bytes = static_cast<size_t>(storage.back().nbytes())});
    }
    checkpoints::write_safetensors(
        file_in(*cache, dataset), views,
        {{"accuracy", fmt::format("{}", measured.accuracy)},
         {"counts", fmt::format("{}", fmt::join(measured.counts, ","))}});
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
  networks::Context context{.training = false};
  return best_classes(networks::forward(folded_.plan, folded_.weights, {}, images, context));
}

at::Tensor Classifier::features(const at::Tensor& images) const {
  const at::NoGradGuard no_grad;
  networks::Context context{.training = false, .layers = folded_.plan.layers.size() - 1};
  return networks::forward(folded_.plan, folded_.weights, {}, images, context);
}

std::vector<int64_t> modes_of(const Classifier& classifier, const data::Dataset& dataset,
                              const at::Tensor& images) {
  if (dataset.channel_base() == nullptr) return classifier.classify(images);
  const int64_t channels = images.size(1);
  const int64_t classes = dataset.channel_base()->classes();
  const auto found = classifier.classify(images.flatten(0, 1).unsqueeze(1));
  std::vector<int64_t> modes;
  for (size_t i = 0; i < found.size();) {
    int64_t mode = 0;
    for (int64_t c = 0; c < channels; ++c) mode = mode * classes + found[i++];
    modes.push_back(mode);
  }
  return modes;
}

std::vector<double> mode_shares(const Classifier& classifier, const data::Dataset& dataset) {
  if (dataset.channel_base() == nullptr) return classifier.shares();
  std::vector<double> shares = {1.0};
  for (int64_t c = 0; c < dataset.shape().channels; ++c) {
    std::vector<double> next;
    for (const double before : shares)
      for (const double share : classifier.shares()) next.push_back(before * share);
    shares = std::move(next);
  }
  return shares;
}

std::optional<std::filesystem::path> classifier_cache() {
  return cache_folder("classifiers");
}

Classifier obtain_classifier(const ClassifierSetup& setup) {
  const data::Dataset& dataset = labelled(setup.dataset);
  auto network = make_classifier_network(dataset, kSeed, setup.device);
  const bool root = setup.control.rank() == 0;
  std::optional<Measured> cached = root ? read_cache(network, dataset) : std::nullopt;
  if (world::all_reduce_value<int64_t>(setup.control, cached ? 1 : 0, world::ReduceOp::max) != 0) {
    Measured measured = cached.value_or(
        Measured{.counts = std::vector<int64_t>(static_cast<size_t>(dataset.classes()))});
    world::broadcast_host(setup.control, std::span(&measured.accuracy, 1), 0);
    world::broadcast_host(setup.control, std::span(measured.counts), 0);
    broadcast(network, setup.exchange);
    return {std::move(network), measured.accuracy, shares_of(measured.counts)};
  }
  if (root)
    spdlog::info("training a classifier of the {} classes, once for this data set",
                 dataset.classes());
  network = train_classifier(dataset, kSeed, classifier_steps(dataset.size()), setup.exchange,
                             setup.device);
  Measured measured = measure(network, dataset, setup);
  const auto held_out = setup.held_out ? setup.held_out() : nullptr;
  if (held_out) measured.accuracy = measure(network, labelled(*held_out), setup).accuracy;
  if (root) {
    spdlog::info("classifier: {:.2f} % of {} images right", 100 * measured.accuracy,
                 held_out ? "held-out" : "its training");
    write_cache(network, measured, dataset);
  }
  return {std::move(network), measured.accuracy, shares_of(measured.counts)};
}

}  // namespace allmodes::diagnostics
