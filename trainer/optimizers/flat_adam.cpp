#include "optimizers/flat_adam.h"
#include <ATen/TensorOperators.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "optimizers/schedule.h"

namespace allmodes::optimizers {

FlatAdam::FlatAdam(gradients::FlatNetwork& network, const config::Optimizer& settings,
                   int64_t steps, Moments moments)
    : network_(network),
      settings_(settings),
      steps_(steps),
      first_moment_(network.first_moment),
      second_moment_(network.second_moment) {
  const auto options = network.parameters.options();
  if (moments == Moments::own) {
    first_moment_ = at::zeros_like(network.first_moment);
    second_moment_ = at::zeros_like(network.second_moment);
  }
  updates_ = at::zeros({}, options);
  skipped_ = at::zeros({}, options);
  norm_ = at::zeros({}, options);
}

void FlatAdam::step(int64_t step) {
  const at::NoGradGuard no_grad;
  at::Tensor gradient = network_.gradient();
  norm_ = at::linalg_vector_norm(gradient);
  const at::Tensor bad = at::isfinite(norm_).logical_not().to(at::kFloat);
  if (settings_.clip_norm > 0)
    gradient.mul_((settings_.clip_norm / (norm_ + 1e-12)).clamp_max(1.0));
  updates_.add_(bad, -1).add_(1);
  skipped_.add_(bad);
  at::_fused_adam_({network_.parameters}, {gradient}, {first_moment_}, {second_moment_}, {},
                   {updates_}, learning_rate(settings_, step, steps_), settings_.beta1,
                   settings_.beta2, settings_.weight_decay, settings_.epsilon,
                   /*amsgrad=*/false,
                   /*maximize=*/false, /*grad_scale=*/std::nullopt, /*found_inf=*/bad);
  // A skipped update leaves the average too.
  network_.average.lerp_(network_.parameters, (1 - bad) * (1 - ema_decay(settings_, step)));
}

void FlatAdam::clamp_weights(double limit) {
  const at::NoGradGuard no_grad;
  network_.parameters.clamp_(-limit, limit);
}

double FlatAdam::gradient_norm() const {
  return norm_.item<double>();
}

int64_t FlatAdam::skipped() const {
  return static_cast<int64_t>(skipped_.item<double>());
}

}  // namespace allmodes::optimizers
