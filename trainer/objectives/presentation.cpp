#include "objectives/presentation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "base/anneal.h"
#include "base/error.h"
#include "objectives/augment.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kRealNoise = "instance_noise_real";
constexpr const char* kFakeNoise = "instance_noise_fake";
constexpr const char* kDeviation = "instance_noise_deviation";
constexpr const char* kAugmentation = "augment";
constexpr const char* kChosen = "augment_chosen";
constexpr const char* kProbability = "augment_probability";

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

Presentation::Presentation(const config::Adversarial& settings, networks::Shape shape,
                           int64_t batch)
    : packing_(settings.packing),
      deviation_(settings.instance_noise),
      deviation_steps_(settings.instance_noise_steps),
      augmentations_(split_names(settings.augment)),
      probability_(settings.augment_probability),
      probability_samples_(settings.augment_samples),
      batch_(batch),
      shape_(std::move(shape)) {}

NoiseInput Presentation::normal(const std::string& name) const {
  ALLMODES_CHECK(!shape_.empty(), "noise '{}' of an unknown shape", name);
  return {name, shape_, "normal"};
}

std::vector<NoiseInput> Presentation::noise() const {
  std::vector<NoiseInput> noise;
  if (deviation_ > 0) noise = {normal(kRealNoise), normal(kFakeNoise)};
  if (deviation_ > 0 && deviation_steps_ > 0)
    noise.push_back(number_of_step(
        kDeviation, [deviation = deviation_, steps = deviation_steps_](uint64_t step) {
          const double passed = static_cast<double>(step) / static_cast<double>(steps);
          return deviation * std::max(0.0, 1 - passed);
        }));
  if (augmentations_.empty()) return noise;
  noise.push_back({kAugmentation, {kAugmentationNumbers}, "uniform"});
  if (augments_all()) return noise;
  noise.push_back({kChosen, {static_cast<int64_t>(augmentations_.size())}, "uniform"});
  noise.push_back(number_of_step(kProbability, [last = probability_, over = probability_samples_,
                                                batch = batch_](uint64_t step) {
    return over == 0 ? last : annealed(0, last, static_cast<int64_t>(step) * batch, over);
  }));
  return noise;
}

at::Tensor Presentation::show(const PhaseInput& in, const at::Tensor& samples,
                              const char* noise) const {
  if (!samples.defined()) return samples;
  at::Tensor shown = samples;
  if (deviation_ > 0) {
    const at::Tensor deviates = repeat_rows(in.noise(noise), shown.size(0));
    shown =
        shown + (deviation_steps_ == 0 ? deviates * deviation_ : deviates * in.number(kDeviation));
  }
  return pack(augmented(in, shown), packing_);
}

at::Tensor Presentation::augmented(const PhaseInput& in, const at::Tensor& shown) const {
  if (augmentations_.empty()) return shown;
  const at::Tensor numbers = repeat_rows(in.noise(kAugmentation), shown.size(0));
  if (augments_all()) return augment(shown, numbers, augmentations_);
  const at::Tensor chosen =
      repeat_rows(in.noise(kChosen), shown.size(0)).lt(in.number(kProbability));
  at::Tensor result = shown;
  for (size_t i = 0; i < augmentations_.size(); ++i)
    result = at::where(chosen.select(1, static_cast<int64_t>(i)).view({-1, 1, 1, 1}),
                       augment(result, numbers, {augmentations_[i]}), result);
  return result;
}

Contest Presentation::show(const PhaseInput& in, const Contest& contest) const {
  return {show(in, contest.real, kRealNoise), show(in, contest.fake, kFakeNoise), contest.labels};
}

}  // namespace allmodes::objectives
