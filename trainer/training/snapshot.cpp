#include "training/snapshot.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <map>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"

namespace allmodes::training {
namespace {

void read(const checkpoints::SafetensorsFile& file, const std::string& name,
          const at::Tensor& host) {
  const auto& entry = file.at(name);
  if (entry.shape != host.sizes().vec() || entry.dtype != checkpoints::DType::kF32) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: tensor '{}' is {} [{}], the configuration needs F32 [{}]; resume with "
                  "the configuration that the checkpoint was made with",
                  file.path().string(), name, checkpoints::dtype_name(entry.dtype),
                  fmt::join(entry.shape, ", "), fmt::join(host.sizes().vec(), ", "));
  }
  file.read(name, host.data_ptr<float>(), static_cast<size_t>(host.nbytes()));
}

std::vector<NamedTensor> named_average_buffers(const NetworkState& network,
                                               std::span<const at::Tensor> buffers) {
  std::vector<NamedTensor> tensors;
  for (size_t i = 0; i < buffers.size(); ++i)
    tensors.emplace_back("average_buffers/" + network.flat.plan.buffers[i].name, buffers[i]);
  return tensors;
}

}  // namespace

std::vector<NamedTensor> named_tensors(const NetworkState& network) {
  const auto& flat = network.flat;
  std::vector<NamedTensor> tensors;
  const auto add = [&](const std::string& prefix, const at::Tensor& storage) {
    for (size_t i = 0; i < flat.plan.parameters.size(); ++i) {
      tensors.emplace_back(prefix + flat.plan.parameters[i].name,
                           gradients::slice_view(flat, storage, i));
    }
  };
  const auto add_optimizer = [&](const std::string& prefix, optimizers::FlatAdam& optimizer) {
    add(prefix + "first_moment/", optimizer.first_moment());
    add(prefix + "second_moment/", optimizer.second_moment());
    tensors.emplace_back(prefix + "updates", optimizer.updates());
  };
  add("weights/", flat.parameters);
  add("average/", flat.average);
  add_optimizer("", *network.optimizer);
  for (const auto& [name, optimizer] : network.more_optimizers)
    add_optimizer(name + ".", *optimizer);
  for (size_t i = 0; i < flat.plan.buffers.size(); ++i)
    tensors.emplace_back("buffers/" + flat.plan.buffers[i].name, flat.buffer_views[i]);
  return tensors;
}

Snapshot take_snapshot(const Model& model) {
  const at::NoGradGuard no_grad;
  Snapshot snapshot;
  for (const auto& network : model.networks()) {
    auto& views = snapshot.payload[network->flat.name];
    auto tensors = named_tensors(*network);
    if (const auto* own = model.average_buffers(network->flat.name))
      for (auto& named : named_average_buffers(*network, *own)) tensors.push_back(std::move(named));
    for (const auto& [name, tensor] : tensors) {
      const at::Tensor host = tensor.detach().to(at::kCPU).contiguous().clone();
      views.push_back({.name = name,
                       .dtype = checkpoints::DType::kF32,
                       .shape = host.sizes().vec(),
                       .data = host.data_ptr<float>(),
                       .bytes = static_cast<size_t>(host.nbytes())});
      snapshot.storage.push_back(host);
    }
  }
  return snapshot;
}

void restore(Model& model, const checkpoints::Opened& checkpoint) {
  const auto alone = world::make_self_communicator();
  restore(model, &checkpoint, *alone);
}

void restore(Model& model, const checkpoints::Opened* checkpoint, world::Communicator& group) {
  const at::NoGradGuard no_grad;
  std::map<std::string, std::vector<at::Tensor>> averages;
  model.forget_average_buffers();
  for (auto& network : model.networks()) {
    const auto& flat = network->flat;
    std::optional<checkpoints::SafetensorsFile> file;
    if (group.rank() == 0) file.emplace(checkpoint->file(flat.name));
    const auto fetch = [&](const std::vector<NamedTensor>& tensors) {
      for (const auto& [name, tensor] : tensors) {
        const at::Tensor host = at::empty(tensor.sizes(), at::kFloat);
        if (file) read(*file, name, host);
        const std::span<float> values(host.data_ptr<float>(), static_cast<size_t>(host.numel()));
        world::broadcast_host(group, values, 0);
        at::Tensor target = tensor.detach();
        target.copy_(host);
      }
    };
    fetch(named_tensors(*network));
    if (flat.buffer_views.empty()) continue;
    std::vector<at::Tensor> own;
    for (const auto& buffer : flat.buffer_views) own.push_back(buffer.clone());
    const auto tensors = named_average_buffers(*network, own);
    std::vector<float> there{file && file->has(tensors.front().first) ? 1.0F : 0.0F};
    world::broadcast_host(group, std::span(there), 0);
    if (there.front() == 0) continue;
    fetch(tensors);
    averages[flat.name] = std::move(own);
  }
  if (!averages.empty()) model.set_average_buffers(std::move(averages));
}

}  // namespace allmodes::training
