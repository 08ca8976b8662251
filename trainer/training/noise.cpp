#include "training/noise.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::training {

namespace {

// Rows of N(0, I), projected onto the sphere of radius sqrt(d), so that each coordinate keeps unit
// variance.
void project_onto_sphere(float* data, int64_t count, int64_t dimension) {
  for (int64_t i = 0; i < count; ++i) {
    float* row = data + i * dimension;
    double square = 0;
    for (int64_t j = 0; j < dimension; ++j) square += static_cast<double>(row[j]) * row[j];
    const auto scale =
        static_cast<float>(std::sqrt(static_cast<double>(dimension) / std::max(square, 1e-30)));
    for (int64_t j = 0; j < dimension; ++j) row[j] *= scale;
  }
}

// Moves rows of N(0, I) to one of the prior's components, chosen by `choice` in [0, 1).
void move_to_components(const config::Latent& latent, const float* choice, float* data,
                        int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float* row = data + i * latent.dimension;
    const auto component =
        std::floor(static_cast<double>(choice[i]) * static_cast<double>(latent.components));
    const double angle = 2 * std::numbers::pi * component / static_cast<double>(latent.components);
    for (int64_t j = 0; j < latent.dimension; ++j) row[j] *= static_cast<float>(latent.std);
    row[0] += static_cast<float>(latent.radius * std::cos(angle));
    if (latent.dimension > 1) row[1] += static_cast<float>(latent.radius * std::sin(angle));
  }
}

}  // namespace

NoiseScope in_rows(NoiseScope scope, int64_t rows) {
  scope.first = scope.first / scope.count * rows;
  scope.count = rows;
  return scope;
}

int64_t noise_count(const objectives::NoiseInput& input, const NoiseScope& scope) {
  return std::accumulate(input.shape.begin(), input.shape.end(), scope.count, std::multiplies<>());
}

void fill_noise(const objectives::NoiseInput& input, const NoiseScope& scope, float* data) {
  const int64_t all = noise_count(input, scope);
  if (input.of_step) {
    std::fill_n(data, all, static_cast<float>(input.of_step(scope.step)));
    return;
  }
  const int64_t values = scope.count > 0 ? all / scope.count : 0;
  const std::string name =
      input.name + "/" + (input.drawn_by.empty() ? scope.prefix : input.drawn_by);
  const NoiseKey key{scope.seed, Purpose(name), scope.step};
  const auto first = static_cast<uint64_t>(scope.first);
  const auto& distribution = input.prior ? input.prior->distribution : input.distribution;
  const bool symmetric =
      input.prior ? distribution == "uniform" : distribution == "uniform_symmetric";
  if (symmetric || distribution == "uniform") {
    fill_uniform(key, first, scope.count, values, data);
    if (symmetric)
      for (int64_t i = 0; i < all; ++i) data[i] = 2 * data[i] - 1;
  } else {
    fill_normal(key, first, scope.count, values, data);
    if (distribution == "sphere") {
      project_onto_sphere(data, scope.count, values);
    } else if (distribution == "mixture") {
      std::vector<float> choice(static_cast<size_t>(scope.count));
      fill_uniform({scope.seed, Purpose(name + "/component"), scope.step}, first, scope.count, 1,
                   choice.data());
      move_to_components(*input.prior, choice.data(), data, scope.count);
    } else {
      ALLMODES_CHECK(distribution == "normal", "unknown distribution '{}' of '{}'", distribution,
                     input.name);
    }
  }
}

NoiseSource noise_on(at::Device device) {
  return
      [device](const auto& input, const auto& scope) { return make_noise(input, scope, device); };
}

at::Tensor make_noise(const objectives::NoiseInput& input, const NoiseScope& scope,
                      at::Device device) {
  std::vector<int64_t> shape = input.shape;
  shape.insert(shape.begin(), scope.count);
  const at::Tensor host =
      at::empty(shape, at::TensorOptions().dtype(at::kFloat).pinned_memory(device.is_cuda()));
  fill_noise(input, scope, host.data_ptr<float>());
  return device.is_cuda() ? host.to(device, /*non_blocking=*/true) : host;
}

}  // namespace allmodes::training
