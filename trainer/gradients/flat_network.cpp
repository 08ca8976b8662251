#include "gradients/flat_network.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <numeric>

#include "networks/forward.h"

namespace allmodes::gradients {

at::Tensor FlatNetwork::gradient() const {
  return gradients.narrow(0, 0, parameter_span);
}

at::Tensor FlatNetwork::batch_statistics() const {
  return gradients.narrow(0, parameter_span, gradients.size(0) - parameter_span);
}

at::Tensor slice_view(const FlatNetwork& network, const at::Tensor& flat, size_t parameter) {
  const Slice& slice = network.slices[parameter];
  const auto& shape = network.plan.parameters[parameter].shape;
  const at::Tensor values = flat.narrow(0, slice.offset, slice.count);
  if (!network.channels_last || shape.size() != 4) return values.view(shape);
  return values.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

namespace {

at::Tensor zeros_in(const HostMemory& memory, int64_t count, const at::TensorOptions& options) {
  if (memory == nullptr || !options.device().is_cpu() || count == 0)
    return at::zeros({count}, options);
  const std::shared_ptr<void> held = memory(count * static_cast<int64_t>(sizeof(float)));
  return at::from_blob(
      held.get(), {count}, [held](void*) {}, options);
}

}  // namespace

at::Tensor zeros_at_page_offset(const at::Tensor& gradients, int place, int64_t count) {
  constexpr int64_t kPage = 4096;
  constexpr int64_t kStep = 832;  // a fifth of a page in whole cache lines
  constexpr int64_t kFloat = sizeof(float);
  if (!gradients.is_cpu() || count == 0) return at::zeros({count}, gradients.options());
  const at::Tensor all = at::zeros({count + kPage / kFloat}, gradients.options());
  const auto wanted = reinterpret_cast<uintptr_t>(gradients.const_data_ptr()) +
                      static_cast<uintptr_t>(place * kStep);
  const auto begin = reinterpret_cast<uintptr_t>(all.const_data_ptr());
  return all.narrow(0, static_cast<int64_t>((wanted - begin) % kPage) / kFloat, count);
}

FlatNetwork make_flat_network(const std::string& name, const networks::Plan& plan, uint64_t seed,
                              at::Device device, std::vector<int64_t> order,
                              const HostMemory& memory, bool channels_last) {
  const at::NoGradGuard no_grad;
  FlatNetwork network;
  network.name = name;
  network.plan = plan;
  network.channels_last = channels_last;
  std::vector<int64_t> counts;
  for (const auto& parameter : plan.parameters) {
    counts.push_back(std::accumulate(parameter.shape.begin(), parameter.shape.end(), int64_t{1},
                                     std::multiplies<>()));
  }
  if (order.empty()) {
    order.resize(counts.size());
    std::iota(order.rbegin(), order.rend(), int64_t{0});
  }
  network.order = std::move(order);
  network.slices = lay_out(counts, network.order);
  network.parameter_span = span_of(network.slices);

  int64_t buffer_count = 0;
  for (const auto& buffer : plan.buffers) {
    buffer_count +=
        std::accumulate(buffer.shape.begin(), buffer.shape.end(), int64_t{1}, std::multiplies<>());
  }
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  network.gradients = zeros_in(memory, network.parameter_span + buffer_count, options);
  const auto apart = [&](int place) {
    return zeros_at_page_offset(network.gradients, place, network.parameter_span);
  };
  network.parameters = apart(1);
  network.average = apart(2);
  network.first_moment = apart(3);
  network.second_moment = apart(4);
  network.buffers = at::zeros({buffer_count}, options);

  for (size_t i = 0; i < counts.size(); ++i) {
    network.parameter_views.push_back(slice_view(network, network.parameters, i));
    network.average_views.push_back(slice_view(network, network.average, i));
    network.gradient_views.push_back(slice_view(network, network.gradients, i));
  }
  int64_t offset = 0;
  for (const auto& buffer : plan.buffers) {
    const int64_t count =
        std::accumulate(buffer.shape.begin(), buffer.shape.end(), int64_t{1}, std::multiplies<>());
    network.buffer_views.push_back(network.buffers.narrow(0, offset, count).view(buffer.shape));
    network.batch_statistic_views.push_back(
        network.gradients.narrow(0, network.parameter_span + offset, count).view(buffer.shape));
    offset += count;
  }
  networks::initialize(plan, seed, name, network.parameter_views, network.buffer_views);
  network.average.copy_(network.parameters);
  for (size_t i = 0; i < counts.size(); ++i) {
    network.parameter_views[i].requires_grad_(true);
    network.parameter_views[i].mutable_grad() = network.gradient_views[i];
  }
  return network;
}

void set_trainable(FlatNetwork& network, bool trainable) {
  for (auto& parameter : network.parameter_views) parameter.requires_grad_(trainable);
}

}  // namespace allmodes::gradients
