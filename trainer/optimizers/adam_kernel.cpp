#include "optimizers/adam_kernel.h"

#include <cmath>

// The compiler vectorizes these loops; here it makes one version for each width of vectors, and the
// machine that runs the program chooses.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define ALLMODES_EVERY_WIDTH \
  __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define ALLMODES_EVERY_WIDTH
#endif

namespace allmodes::optimizers {

ALLMODES_EVERY_WIDTH
void adam_update(const AdamArrays& arrays, int64_t first, int64_t last, const AdamUpdate& update) {
  float* __restrict p = arrays.parameters;
  const float* __restrict gradient = arrays.gradient;
  float* __restrict m = arrays.first_moment;
  float* __restrict v = arrays.second_moment;
  float* __restrict average = arrays.average;
  const AdamUpdate u = update;
  const float rest1 = 1 - u.beta1;
  const float rest2 = 1 - u.beta2;
  for (int64_t i = first; i < last; ++i) {
    const float g = gradient[i] * u.gradient_scale + p[i] * u.weight_decay;
    m[i] = u.beta1 * m[i] + rest1 * g;
    v[i] = u.beta2 * v[i] + rest2 * g * g;
    p[i] -= u.step_size * m[i] / (std::sqrt(v[i]) * u.inverse_root + u.epsilon);
    average[i] += u.average_weight * (p[i] - average[i]);
  }
}

ALLMODES_EVERY_WIDTH
double sum_of_squares(const float* values, int64_t first, int64_t last) {
  constexpr int64_t kLanes = 32;
  double sums[kLanes] = {};
  int64_t i = first;
  for (; i + kLanes <= last; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double x = values[i + lane];
      sums[lane] += x * x;
    }
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  for (; i < last; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

}  // namespace allmodes::optimizers
