#include "training/noise.h"

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::training {

at::Tensor make_noise(const objectives::NoiseInput& input, uint64_t seed, uint64_t step,
                      int64_t first, int64_t count, at::Device device) {
  std::vector<int64_t> shape = input.shape;
  shape.insert(shape.begin(), count);
  const at::Tensor host =
      at::empty(shape, at::TensorOptions().dtype(at::kFloat).pinned_memory(device.is_cuda()));
  const int64_t values = count > 0 ? host.numel() / count : 0;
  const NoiseKey key{seed, Purpose(input.name), step};
  float* data = host.data_ptr<float>();
  const auto start = static_cast<uint64_t>(first);
  if (input.distribution == "normal") {
    fill_normal(key, start, count, values, data);
  } else if (input.distribution == "uniform") {
    fill_uniform(key, start, count, values, data);
  } else {
    ALLMODES_CHECK(input.distribution == "uniform_symmetric", "unknown distribution '{}' of '{}'",
                   input.distribution, input.name);
    fill_uniform(key, start, count, values, data);
    for (int64_t i = 0; i < host.numel(); ++i) data[i] = 2 * data[i] - 1;
  }
  return device.is_cuda() ? host.to(device, /*non_blocking=*/true) : host;
}

at::Tensor make_latents(const config::Latent& latent, uint64_t seed, const std::string& purpose,
                        uint64_t step, int64_t first, int64_t count, at::Device device) {
  return make_noise({purpose,
                     {latent.dimension},
                     latent.distribution == "uniform" ? "uniform_symmetric" : "normal"},
                    seed, step, first, count, device);
}

}  // namespace allmodes::training
