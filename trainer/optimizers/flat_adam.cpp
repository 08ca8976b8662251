#include "optimizers/flat_adam.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "optimizers/adam_kernel.h"
#include "optimizers/schedule.h"

namespace allmodes::optimizers {
namespace {

// Elements a thread takes at a time; fixed, so that sums do not depend on the number of threads.
constexpr int64_t kChunk = int64_t{1} << 16;
// Clipping divides by a norm of at least this.
constexpr double kLeastNorm = 1e-12;
// Places in skipped_.
constexpr int64_t kAll = 0, kInARow = 1, kLongestRow = 2;

int64_t chunks_of(int64_t count) {
  return (count + kChunk - 1) / kChunk;
}

// The number in a float scalar on the host.
float& scalar(const at::Tensor& tensor) {
  return *tensor.mutable_data_ptr<float>();
}

double norm_on_host(const float* values, int64_t count) {
  std::vector<double> parts(static_cast<size_t>(chunks_of(count)));
  at::parallel_for(0, chunks_of(count), 1, [&](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk)
      parts[static_cast<size_t>(chunk)] =
          sum_of_squares(values, chunk * kChunk, std::min(count, (chunk + 1) * kChunk));
  });
  return std::sqrt(std::accumulate(parts.begin(), parts.end(), 0.0));
}

}  // namespace

void adam_with_scheduled_beta2(const AdamTensors& tensors, const AdamScalars& scalars,
                               const config::Optimizer& settings) {
  const at::NoGradGuard no_grad;
  const at::Tensor good = 1 - scalars.bad;
  // A gradient that is not finite would reach the moments even with a weight of 0.
  at::Tensor gradient = at::where(good.gt(0), tensors.gradient, at::zeros_like(tensors.gradient));
  if (settings.weight_decay > 0 && settings.decoupled_decay)
    tensors.parameters.mul_(1 - good * scalars.rate * settings.weight_decay);
  else if (settings.weight_decay > 0)
    gradient.add_(tensors.parameters, settings.weight_decay);
  tensors.first_moment.lerp_(gradient, good * (1 - settings.beta1));
  tensors.second_moment.lerp_(gradient.square(), good * (1 - scalars.beta2));
  const at::Tensor first_left = 1 - at::pow(settings.beta1, scalars.updates);
  const at::Tensor second_left = 1 - at::pow(scalars.beta2, scalars.updates);
  const at::Tensor root =
      tensors.second_moment.sqrt().mul_(second_left.rsqrt()).add_(settings.epsilon);
  // Before the first update that is applied nothing is left to divide by.
  const at::Tensor step = at::where(good.gt(0), scalars.rate / first_left, at::zeros_like(good));
  tensors.parameters.sub_(tensors.first_moment.div(root).mul_(step));
}

FlatAdam::FlatAdam(gradients::FlatNetwork& network, const config::Optimizer& settings,
                   Length length, Moments moments)
    : network_(network),
      settings_(settings),
      length_(length),
      beta2_(settings.beta2),
      first_moment_(network.first_moment),
      second_moment_(network.second_moment) {
  const auto options = network.parameters.options();
  if (moments == Moments::own) {
    first_moment_ = gradients::zeros_at_page_offset(network.gradients, 3, network.parameter_span);
    second_moment_ = gradients::zeros_at_page_offset(network.gradients, 4, network.parameter_span);
  }
  updates_ = at::zeros({}, options);
  skipped_ = at::zeros({3}, options);
  norm_ = at::zeros({}, options);
  if (!network.parameters.is_cpu()) rates_ = at::zeros({3}, options);
}

void FlatAdam::schedule(int64_t step, bool averages) {
  const double rate = learning_rate(settings_, step, length_);
  const double decay = beta2(settings_, step, length_);
  const double weight = averages ? 1 - ema_decay(settings_, step, length_) : 0;
  if (rate == learning_rate_ && weight == average_weight_ && decay == beta2_) return;
  learning_rate_ = rate;
  beta2_ = decay;
  average_weight_ = weight;
  if (network_.parameters.is_cpu()) return;
  const at::Tensor host = at::empty({3}, at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
  host.data_ptr<float>()[0] = static_cast<float>(rate);
  host.data_ptr<float>()[1] = static_cast<float>(weight);
  host.data_ptr<float>()[2] = static_cast<float>(decay);
  rates_.copy_(host, /*non_blocking=*/true);
}

at::Tensor FlatAdam::measure() {
  const at::NoGradGuard no_grad;
  if (!network_.parameters.is_cpu()) {
    norm_.copy_(at::linalg_vector_norm(network_.gradient()));
    return at::isfinite(norm_).logical_not().to(at::kFloat);
  }
  const auto norm = static_cast<float>(
      norm_on_host(network_.gradients.const_data_ptr<float>(), network_.parameter_span));
  scalar(norm_) = norm;
  return at::full({}, std::isfinite(norm) ? 0.0 : 1.0, norm_.options());
}

void FlatAdam::apply(const at::Tensor& bad) {
  const at::NoGradGuard no_grad;
  if (network_.parameters.is_cpu()) {
    apply_on_host(*bad.const_data_ptr<float>() != 0);
  } else {
    apply_on_device(bad);
  }
}

void FlatAdam::apply_on_host(bool skip) {
  auto* const skipped = skipped_.mutable_data_ptr<float>();
  skipped[kInARow] = skip ? skipped[kInARow] + 1 : 0;
  if (skip) {
    ++skipped[kAll];
    skipped[kLongestRow] = std::max(skipped[kLongestRow], skipped[kInARow]);
    return;
  }
  const int64_t count = network_.parameter_span;
  const AdamArrays arrays{
      network_.parameters.mutable_data_ptr<float>(), network_.gradients.const_data_ptr<float>(),
      first_moment_.mutable_data_ptr<float>(), second_moment_.mutable_data_ptr<float>(),
      network_.average.mutable_data_ptr<float>()};
  const double t = ++scalar(updates_);
  const double clipped = settings_.clip_norm > 0
                             ? std::min(1.0, settings_.clip_norm / (scalar(norm_) + kLeastNorm))
                             : 1.0;
  const AdamUpdate update{
      .gradient_scale = static_cast<float>(clipped),
      .weight_decay = static_cast<float>(settings_.decoupled_decay ? 0 : settings_.weight_decay),
      .kept = static_cast<float>(
          settings_.decoupled_decay ? 1 - learning_rate_ * settings_.weight_decay : 1),
      .beta1 = static_cast<float>(settings_.beta1),
      .beta2 = static_cast<float>(beta2_),
      .epsilon = static_cast<float>(settings_.epsilon),
      .step_size = static_cast<float>(learning_rate_ / (1 - std::pow(settings_.beta1, t))),
      .inverse_root = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2_, t))),
      .average_weight = static_cast<float>(average_weight_)};
  at::parallel_for(0, chunks_of(count), 1, [&](int64_t first, int64_t last) {
    adam_update(arrays, first * kChunk, std::min(count, last * kChunk), update);
  });
  // A backward through the weights as they were is an error that autograd can now tell.
  network_.parameters.unsafeGetTensorImpl()->bump_version();
}

void FlatAdam::apply_on_device(const at::Tensor& bad) {
  at::Tensor gradient = network_.gradient();
  if (settings_.clip_norm > 0)
    gradient.mul_((settings_.clip_norm / (norm_ + kLeastNorm)).clamp_max(1.0));
  updates_.add_(bad, -1).add_(1);
  if (settings_.last_beta2 > 0) {
    adam_with_scheduled_beta2({network_.parameters, gradient, first_moment_, second_moment_},
                              {bad, updates_, rates_[0], rates_[2]}, settings_);
  } else {
    fused_update(gradient, bad);
  }
  // A skipped update leaves the average too.
  network_.average.lerp_(network_.parameters, (1 - bad) * rates_[1]);
  skipped_[kAll].add_(bad);
  skipped_[kInARow].add_(1).mul_(bad);
  skipped_[kLongestRow].copy_(at::maximum(skipped_[kLongestRow], skipped_[kInARow]));
}

void FlatAdam::fused_update(const at::Tensor& gradient, const at::Tensor& bad) {
  using Fused = void(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList,
                     at::TensorList, const at::Tensor&, double, double, double, double, bool, bool,
                     const std::optional<at::Tensor>&, const std::optional<at::Tensor>&);
  Fused* const fused = settings_.decoupled_decay ? static_cast<Fused*>(at::_fused_adamw_)
                                                 : static_cast<Fused*>(at::_fused_adam_);
  fused({network_.parameters}, {gradient}, {first_moment_}, {second_moment_}, {}, {updates_},
        rates_[0], settings_.beta1, settings_.beta2, settings_.weight_decay, settings_.epsilon,
        /*amsgrad=*/false,
        /*maximize=*/false, /*grad_scale=*/std::nullopt, /*found_inf=*/bad);
}

void FlatAdam::clamp_weights(double limit) {
  const at::NoGradGuard no_grad;
  network_.parameters.clamp_(-limit, limit);
}

double FlatAdam::gradient_norm() const {
  return norm_.item<double>();
}

SkippedUpdates FlatAdam::skipped() const {
  const at::Tensor host = skipped_.to(at::kCPU);
  const float* const counts = host.const_data_ptr<float>();
  return {static_cast<int64_t>(counts[kAll]), static_cast<int64_t>(counts[kInARow]),
          static_cast<int64_t>(counts[kLongestRow])};
}

}  // namespace allmodes::optimizers
