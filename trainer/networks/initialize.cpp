#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "base/random.h"
#include "networks/forward.h"

namespace allmodes::networks {
namespace {

at::Tensor first_values(const ParameterSpec& spec, uint64_t seed, const std::string& network) {
  at::Tensor values = at::empty(spec.shape, at::TensorOptions().dtype(at::kFloat));
  const NoiseKey key{.seed = seed, .purpose = Purpose("parameters/" + network + "/" + spec.name)};
  float* const data = values.data_ptr<float>();
  constexpr double kStd = 0.02;
  switch (spec.init) {
    case Init::kFanIn: {
      const double bound = 1.0 / std::sqrt(static_cast<double>(spec.fan_in));
      fill_uniform(key, 0, 1, values.numel(), data);
      return values.mul_(2.0 * bound).sub_(bound);
    }
    case Init::kNormal:
      fill_normal(key, 0, 1, values.numel(), data);
      return values.mul_(kStd);
    case Init::kNormalAtOne:
      fill_normal(key, 0, 1, values.numel(), data);
      return values.mul_(kStd).add_(1.0);
    case Init::kZero:
      return values.zero_();
    case Init::kOne:
      return values.fill_(1.0);
    case Init::kDeviation:
      if (spec.deviation == 0) return values.zero_();
      fill_normal(key, 0, 1, values.numel(), data);
      return values.mul_(spec.deviation);
  }
  ALLMODES_CHECK(false, "initialization of {}", spec.name);
}

// Uniform on the unit sphere.
at::Tensor random_direction(const BufferSpec& spec, uint64_t seed, const std::string& network) {
  at::Tensor values = at::empty(spec.shape, at::TensorOptions().dtype(at::kFloat));
  const NoiseKey key{.seed = seed, .purpose = Purpose("buffers/" + network + "/" + spec.name)};
  fill_normal(key, 0, 1, values.numel(), values.data_ptr<float>());
  return values.div_(values.norm());
}

}  // namespace

void initialize(const Plan& plan, uint64_t seed, const std::string& network_name,
                std::span<at::Tensor> parameters, std::span<at::Tensor> buffers) {
  ALLMODES_CHECK(parameters.size() == plan.parameters.size(), "{} parameters for {}",
                 parameters.size(), plan.parameters.size());
  ALLMODES_CHECK(buffers.size() == plan.buffers.size(), "{} buffers for {}", buffers.size(),
                 plan.buffers.size());
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters.size(); ++i) {
    ALLMODES_CHECK(parameters[i].sizes() == at::IntArrayRef(plan.parameters[i].shape),
                   "{} is {}, not {}", plan.parameters[i].name,
                   to_string(parameters[i].sizes().vec()), to_string(plan.parameters[i].shape));
    parameters[i].copy_(first_values(plan.parameters[i], seed, network_name));
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    const BufferSpec& spec = plan.buffers[i];
    if (spec.direction)
      buffers[i].copy_(random_direction(spec, seed, network_name));
    else
      buffers[i].fill_(static_cast<double>(spec.value));
  }
}

}  // namespace allmodes::networks
