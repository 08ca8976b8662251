#include "objectives/presentation.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

#include "base/error.h"
#include "objectives/augment.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kRealNoise = "instance_noise_real";
constexpr const char* kFakeNoise = "instance_noise_fake";
constexpr const char* kAugmentation = "augment";

}  // namespace

at::Tensor pack(const at::Tensor& samples, int64_t m) {
  if (m == 1) return samples;
  ALLMODES_CHECK(samples.size(0) % m == 0, "{} samples cannot be packed by {}", samples.size(0), m);
  std::vector<int64_t> shape = samples.sizes().vec();
  shape[0] /= m;
  shape[1] *= m;
  return samples.reshape(shape);
}

at::Tensor repeat_rows(const at::Tensor& each, int64_t rows) {
  if (each.size(0) == rows) return each;
  ALLMODES_CHECK(rows % each.size(0) == 0, "{} rows for {}", each.size(0), rows);
  std::vector<int64_t> times(static_cast<size_t>(each.dim()), 1);
  times[0] = rows / each.size(0);
  return each.repeat(times);
}

networks::Shape shown_shape(const config::Adversarial& settings, networks::Shape shape) {
  shape[0] *= settings.packing;
  return shape;
}

Presentation::Presentation(const config::Adversarial& settings, networks::Shape shape)
    : packing_(settings.packing),
      deviation_(settings.instance_noise),
      deviation_steps_(settings.instance_noise_steps),
      augmentations_(split_names(settings.augment)),
      shape_(std::move(shape)) {}

NoiseInput Presentation::normal(const std::string& name) const {
  ALLMODES_CHECK(!shape_.empty(), "noise '{}' of an unknown shape", name);
  return {name, shape_, "normal"};
}

std::vector<NoiseInput> Presentation::noise() const {
  std::vector<NoiseInput> noise;
  if (deviation_ > 0) noise = {normal(kRealNoise), normal(kFakeNoise)};
  if (!augmentations_.empty()) noise.push_back({kAugmentation, {kAugmentationNumbers}, "uniform"});
  return noise;
}

double Presentation::noise_deviation(uint64_t step) const {
  if (deviation_steps_ == 0) return deviation_;
  const double passed = static_cast<double>(step) / static_cast<double>(deviation_steps_);
  return deviation_ * std::max(0.0, 1 - passed);
}

at::Tensor Presentation::show(const PhaseInput& in, const at::Tensor& samples,
                              const char* noise) const {
  if (!samples.defined()) return samples;
  at::Tensor shown = samples;
  const double deviation = deviation_steps_ == 0 ? deviation_ : noise_deviation(in.step);
  if (deviation > 0) shown = shown + repeat_rows(in.noise(noise), shown.size(0)) * deviation;
  if (!augmentations_.empty())
    shown = augment(shown, repeat_rows(in.noise(kAugmentation), shown.size(0)), augmentations_);
  return pack(shown, packing_);
}

Contest Presentation::show(const PhaseInput& in, const Contest& contest) const {
  return {show(in, contest.real, kRealNoise), show(in, contest.fake, kFakeNoise), contest.labels};
}

}  // namespace allmodes::objectives
