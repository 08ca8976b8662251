#include "run/first_weights.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>

#include "training/snapshot.h"

namespace allmodes::run {
namespace {

constexpr size_t kMostTensorsNamed = 10;

bool is_taken_over(const std::string& name) {
  return name.starts_with("weights/") || name.starts_with("average/") ||
         name.starts_with("buffers/");
}

// Why the tensor cannot be taken; "" where it can.
std::string reason_against(const checkpoints::SafetensorsFile& file, const std::string& name,
                           const std::vector<int64_t>& shape) {
  if (!file.has(name)) return "is not in the checkpoint";
  const auto& entry = file.at(name);
  if (entry.dtype != checkpoints::DType::kF32) return "is no F32 there";
  if (entry.shape == shape) return "";
  return fmt::format("is [{}] there and [{}] here", fmt::join(entry.shape, ", "),
                     fmt::join(shape, ", "));
}

// Names and shapes of what a network begins with.
std::vector<std::pair<std::string, std::vector<int64_t>>> tensors_of(const networks::Plan& plan) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> tensors;
  for (const char* kind : {"weights/", "average/"})
    for (const auto& each : plan.parameters) tensors.emplace_back(kind + each.name, each.shape);
  for (const auto& each : plan.buffers) tensors.emplace_back("buffers/" + each.name, each.shape);
  return tensors;
}

void add_names(const char* what, const std::vector<std::string>& names, std::string& text) {
  if (names.empty()) return;
  const size_t shown = std::min(names.size(), kMostTensorsNamed);
  text +=
      fmt::format("{}{}:\n  {}", text.empty() ? "" : "\n", what,
                  fmt::join(names.begin(), names.begin() + static_cast<int64_t>(shown), "\n  "));
  if (names.size() > shown) text += fmt::format("\n  ... and {} more", names.size() - shown);
}

}  // namespace

FirstWeights first_weights(const objectives::Objective& objective,
                           const checkpoints::Opened& checkpoint) {
  FirstWeights weights;
  std::set<std::string> networks;
  for (const auto& network : objective.networks()) {
    networks.insert(network.name);
    if (!checkpoint.has(network.name)) {
      weights.kept.push_back(fmt::format("{}: the checkpoint has no such network", network.name));
      continue;
    }
    const auto file = checkpoint.file(network.name);
    std::set<std::string> known;
    for (const auto& [name, shape] : tensors_of(network.plan)) {
      known.insert(name);
      const std::string against = reason_against(file, name, shape);
      weights.taken += against.empty() ? 1 : 0;
      if (!against.empty())
        weights.kept.push_back(fmt::format("{}: {} {}", network.name, name, against));
    }
    for (const auto& name : file.names())
      if (is_taken_over(name) && !known.contains(name))
        weights.unused.push_back(fmt::format("{}: {}", network.name, name));
  }
  for (const auto& stem : checkpoint.stems)
    if (!networks.contains(stem)) weights.unused.push_back(fmt::format("{}: all of it", stem));
  return weights;
}

std::string to_text(const FirstWeights& weights) {
  std::string text;
  add_names("begin as in any new run", weights.kept, text);
  add_names("of the checkpoint, not used", weights.unused, text);
  return text;
}

void take_weights(training::Model& model, const checkpoints::Opened* checkpoint,
                  world::Communicator& group) {
  const at::NoGradGuard no_grad;
  for (auto& network : model.networks()) {
    std::optional<checkpoints::SafetensorsFile> file;
    if (group.rank() == 0 && checkpoint->has(network->flat.name))
      file.emplace(checkpoint->file(network->flat.name));
    for (auto& [name, tensor] : training::named_tensors(*network)) {
      if (!is_taken_over(name)) continue;
      // What is not taken goes round too: every rank then makes the same calls.
      const at::Tensor host = tensor.detach().to(at::kCPU).contiguous().clone();
      if (file && reason_against(*file, name, host.sizes().vec()).empty())
        file->read(name, host.data_ptr<float>(), static_cast<size_t>(host.nbytes()));
      world::broadcast_host(
          group, std::span<float>(host.data_ptr<float>(), static_cast<size_t>(host.numel())), 0);
      at::Tensor target = tensor.detach();
      target.copy_(host);
    }
  }
}

}  // namespace allmodes::run
